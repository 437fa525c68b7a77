//! Replays every trace against the core. With `STATUSBUS_BLESS=1` it writes the results into the traces
//! instead: then check the difference, line by line, against the rules.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use statusbus_conformance::{
    CoreSubject, Opening, Operation, Subject, TRACES, Trace, perform, replay, replay_all,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("traces")
}

fn file(trace: &Trace<'_>) -> PathBuf {
    folder().join(trace.name).with_extension("trace")
}

#[test]
fn the_core_passes_every_trace() {
    let mut subject: CoreSubject<64, 64> = CoreSubject::new();
    if std::env::var_os("STATUSBUS_BLESS").is_some() {
        for trace in TRACES {
            let text = fs::read_to_string(file(trace)).unwrap();
            let text = blessed(&Trace::new(trace.name, &text), &mut subject);
            fs::write(file(trace), text.unwrap_or_else(|e| panic!("{}: {e}", trace.name))).unwrap();
        }
        return;
    }
    let failed: Vec<String> = TRACES
        .iter()
        .filter_map(|trace| Some(format!("{}: {}", trace.name, replay(trace, &mut subject).err()?)))
        .collect();
    assert!(failed.is_empty(), "{} traces failed\n{}", failed.len(), failed.join("\n"));
}

/// The text of a trace with the actual results behind each operation.
fn blessed(trace: &Trace<'_>, subject: &mut CoreSubject<64, 64>) -> Result<String, String> {
    subject.open(&Opening::default()).map_err(|invalid| format!("{invalid:?}"))?;
    let mut steps = trace.steps();
    let mut text = String::new();
    for line in trace.text.lines().filter(|line| !line.starts_with('=')) {
        text.push_str(line);
        text.push('\n');
        if !line.is_empty() && !line.starts_with('#') {
            let step = steps.next().ok_or("an operation is missing")?.map_err(|e| e.to_string())?;
            perform(&step.operation, subject, &mut text)
                .map_err(|problem| format!("line {}: {problem:?}", step.line))?;
        }
    }
    Ok(text)
}

#[test]
fn the_smallest_subject_is_enough() {
    let mut subject: CoreSubject = CoreSubject::new();
    let mut out = String::new();
    let tally = replay_all(TRACES, &mut subject, &mut out);
    assert_eq!(tally.passed, TRACES.len(), "{out}");
    assert!(size_of::<CoreSubject>() < 6 * 1024, "{} bytes", size_of::<CoreSubject>());
}

#[test]
fn the_list_is_complete_and_in_order() {
    let listed: Vec<String> = TRACES.iter().map(|trace| trace.name.to_owned()).collect();
    let there: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "trace"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(listed, there.into_iter().collect::<Vec<_>>());
}

/// The first words of a trace are those of its name: which rule, section, or row of what must not
/// happen again.
#[test]
fn each_trace_begins_with_what_it_covers() {
    for trace in TRACES {
        let mut parts = trace.name.split('-');
        let (kind, number) = (parts.next().unwrap(), parts.next().unwrap());
        let title = format!("# {kind} {}", number.trim_start_matches('0'));
        let rest = trace.text.strip_prefix(&title);
        assert!(
            rest.is_some_and(|rest| rest.starts_with(": ") || rest.starts_with(" and ")),
            "{} does not begin with `{title}: `",
            trace.name
        );
    }
}

/// The README's promise to adapters: sizes that each can hold, and times in whole milliseconds.
#[test]
fn driven_traces_fit_every_adapter() {
    let whole = |span: std::time::Duration| span.subsec_nanos().is_multiple_of(1_000_000);
    for trace in TRACES.iter().filter(|trace| !trace.needs_core()) {
        let operations: Vec<_> = trace.steps().map(|step| step.unwrap().operation).collect();
        let Some(Operation::Config(first)) = operations.first() else {
            panic!("{} does not begin with a configuration", trace.name)
        };
        assert!(
            first.settings.queue_limit.is_some() && first.settings.batch_size.is_some(),
            "{} leaves the limits to the adapter",
            trace.name
        );
        for operation in operations {
            let fits = match operation {
                Operation::Push(sent) => {
                    let named = sent.conversation.map_or(0, str::len);
                    sent.text.len() <= 24
                        && sent.key.is_none_or(|key| key.len() <= 12)
                        && (named <= 12 || named > 128)
                        && sent.ttl.is_none_or(whole)
                }
                Operation::Advance(span) => whole(span),
                Operation::Config(Opening { settings, .. }) | Operation::Reconfigure(settings) => {
                    let small = |size: Option<usize>, most| {
                        size.is_none_or(|size| size <= most || size > 65_534)
                    };
                    small(settings.queue_limit, 16)
                        && small(settings.batch_size, 8)
                        && settings.flush_interval.is_none_or(whole)
                }
                _ => true,
            };
            assert!(fits, "{}: {operation:?}", trace.name);
        }
    }
}
