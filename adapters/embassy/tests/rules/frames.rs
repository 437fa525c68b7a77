//! Frames over a line.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_time::Duration;
use embedded_io_async::{ErrorType, Write};
use statusbus_core::wire::{Body, Decoder, FRAME_MAX};
use statusbus_embassy::{Buffer, Frames, Message, SYSTEM, Status};

use crate::support::{Task, Time};

#[derive(Clone, Default)]
struct Line(Rc<RefCell<Vec<u8>>>);

impl ErrorType for Line {
    type Error = Infallible;
}

impl Write for Line {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

fn read(line: &Line) -> Vec<String> {
    let bytes = line.0.borrow().clone();
    let (mut decoder, mut rest) = (Decoder::new([0; FRAME_MAX]), &bytes[..]);
    let mut said = Vec::new();
    while let Some(frame) = decoder.feed(&mut rest) {
        if let Body::Updates(updates) = frame.body {
            for update in updates {
                let update = update.expect("sound");
                let about = update.conversation.map_or("-".into(), |about| about.to_string());
                said.push(format!(
                    "#{} {about}/{} {}",
                    update.seq,
                    update.category.as_str(),
                    update.text
                ));
            }
        }
    }
    said
}

#[test]
fn what_is_said_comes_out_as_frames() {
    static STATUS: Status<CriticalSectionRawMutex, Message<24>, 8> = Status::new();
    let time = Time::begin();
    let line = Line::default();
    let mut buffer = Buffer::<_, 4>::new();
    let runner = STATUS.runner(&mut buffer).expect("the first");
    let mut runner = Task::new(Frames::new(line.clone(), 7).run(runner));
    runner.rest();
    STATUS.engine(SYSTEM, "ready");
    STATUS.info("motor", format_args!("{} rpm", 1_200));
    runner.rest();
    assert_eq!(read(&line), ["#1 -/engine ready", "#2 motor/info 1200 rpm"]);
    STATUS.tool(7_u8, "a text that is longer than there is room for");
    runner.rest();
    assert_eq!(read(&line).len(), 2);
    time.pass(Duration::from_millis(50));
    runner.rest();
    assert_eq!(read(&line)[2..], ["#3 7/tool a text that is longer th"]);
    assert!(STATUS.ledger().is_balanced());
    assert_eq!(STATUS.ledger().delivered, 3);
}
