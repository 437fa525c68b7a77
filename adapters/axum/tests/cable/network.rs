//! Two networks with a link between them.

use std::ffi::OsStr;
use std::net::Ipv4Addr;
use std::process::{Command as Blocking, Stdio};

use tokio::process::{Child, Command};

/// The near end of the link.
pub(crate) const NEAR: Ipv4Addr = Ipv4Addr::new(10, 11, 12, 1);
const FAR: Ipv4Addr = Ipv4Addr::new(10, 11, 12, 2);

/// The variable that marks a process in its own network.
const INSIDE: &str = "STATUSBUS_NETWORK_OF_ITS_OWN";

/// Runs a test in an empty network, by starting this program again for it.
pub(crate) fn in_one_of_its_own<F: Future<Output = ()>>(test: &str, run: impl FnOnce() -> F) {
    if std::env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        return runtime.block_on(run());
    }
    let program = std::env::current_exe().expect("this program");
    let done = Blocking::new("unshare")
        .args(["--user", "--map-root-user", "--net"])
        .arg(program)
        .args(["--ignored", "--exact", "--nocapture", test])
        .env(INSIDE, "1")
        .status()
        .expect("unshare, of util-linux");
    assert!(done.success(), "see above; or this machine does not let its users have namespaces");
}

/// The network at the far end of the link.
pub(crate) struct Far {
    /// The network exists as long as this process.
    holder: Child,
}

impl Far {
    /// Creates the link.
    pub(crate) async fn connect() -> Self {
        ip("link set lo up").await;
        ip("link add near type veth peer name far").await;
        ip(&format!("addr add {NEAR}/24 dev near")).await;
        ip("link set near up").await;
        let mut unshare = Command::new("unshare");
        let holder = unshare.args(["--net", "sleep", "infinity"]).kill_on_drop(true);
        let far = Self { holder: holder.spawn().expect("unshare, of util-linux") };
        let network = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/net")).ok();
        while network(&far.process()) == network("self") {
            tokio::task::yield_now().await;
        }
        ip(&format!("link set far netns {}", far.process())).await;
        far.ip(&format!("addr add {FAR}/24 dev far")).await;
        far.ip("link set far up").await;
        far
    }

    /// A program in that network.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.process(), "--net"]).arg(program);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Drops all packets, without a reset.
    pub(crate) async fn cut(&self) {
        self.ip("link set far down").await;
    }

    async fn ip(&self, arguments: &str) {
        let mut command = self.command("ip");
        done(command.args(arguments.split(' '))).await;
    }

    fn process(&self) -> String {
        self.holder.id().expect("it lives").to_string()
    }
}

async fn ip(arguments: &str) {
    done(Command::new("ip").args(arguments.split(' '))).await;
}

async fn done(command: &mut Command) {
    let done = command.status().await.expect("the program is there");
    assert!(done.success(), "{command:?}");
}
