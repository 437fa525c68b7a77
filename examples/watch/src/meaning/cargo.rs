//! What cargo says with `--message-format=json`.
//!
//! The forms are those of "External tools" in the cargo book; package ids are read in the form of
//! package id specifications, and in the one before cargo 1.77.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use statusbus_core::Priority;

use super::{About, Said};

/// What the message means, if `reason` is one of cargo's and the message has its form.
pub(super) fn read<'a>(reason: &str, line: &'a str) -> Option<Said<'a>> {
    match reason {
        "compiler-artifact" => parse::<Artifact<'_>>(line).map(Artifact::said),
        "compiler-message" => parse::<CompilerMessage<'_>>(line).map(CompilerMessage::said),
        "build-script-executed" => parse::<BuildScript<'_>>(line).map(BuildScript::said),
        "build-finished" => parse::<BuildFinished>(line).map(BuildFinished::said),
        _ => None,
    }
}

fn parse<'a, T: Deserialize<'a>>(line: &'a str) -> Option<T> {
    serde_json::from_str(line).ok()
}

fn update<'a>(
    category: &'static str,
    text: impl Into<Cow<'a, str>>,
    facts: &Facts<'_>,
) -> Said<'a> {
    Said {
        conversation: About::Command,
        category: Cow::Borrowed(category),
        text: text.into(),
        key: None,
        priority: None,
        ttl: None,
        metadata: serde_json::to_string(facts).ok().map(Cow::Owned),
        fraction: None,
        replaces: None,
    }
}

/// The metadata of what cargo says.
#[derive(Default, Serialize)]
struct Facts<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    package: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fresh: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    success: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u64>,
}

/// Something has been built, or was there already (`fresh`).
#[derive(Deserialize)]
struct Artifact<'a> {
    #[serde(borrow)]
    package_id: Cow<'a, str>,
    #[serde(borrow)]
    target: Target<'a>,
    #[serde(default)]
    profile: Profile,
    #[serde(default)]
    fresh: bool,
}

#[derive(Deserialize)]
struct Target<'a> {
    #[serde(default)]
    kind: Vec<String>,
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
struct Profile {
    #[serde(default)]
    test: bool,
}

impl Artifact<'_> {
    fn said<'a>(self) -> Said<'a> {
        let package = Package::read(&self.package_id);
        let target = self.target.label(package.name, self.profile.test);
        let fresh = if self.fresh { " fresh" } else { "" };
        update(
            "tool",
            format!("{package} ({target}){fresh}"),
            &Facts {
                package: Some(package.name),
                version: package.version,
                target: Some(&target),
                fresh: Some(self.fresh),
                ..Facts::default()
            },
        )
    }
}

impl Target<'_> {
    /// `lib`, `lib test`, `bin watch`: the name only where it is not that of the package.
    fn label(&self, package: &str, test: bool) -> String {
        let mut label = self.kind.join(",");
        let own =
            label == "custom-build" || self.name.replace('_', "-") == package.replace('_', "-");
        if !own {
            label.push(' ');
            label.push_str(&self.name);
        }
        // An integration test is one anyhow.
        if test && label != "test" && !label.starts_with("test ") {
            label.push_str(" test");
        }
        label
    }
}

/// The compiler has something to say about the code.
#[derive(Deserialize)]
struct CompilerMessage<'a> {
    #[serde(borrow)]
    package_id: Cow<'a, str>,
    #[serde(borrow)]
    message: Diagnostic<'a>,
}

#[derive(Deserialize)]
struct Diagnostic<'a> {
    #[serde(borrow)]
    level: Cow<'a, str>,
    #[serde(borrow)]
    message: Cow<'a, str>,
    #[serde(borrow, default)]
    code: Option<Code<'a>>,
    #[serde(borrow, default)]
    spans: Vec<Span<'a>>,
}

#[derive(Deserialize)]
struct Code<'a> {
    #[serde(borrow)]
    code: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Span<'a> {
    #[serde(borrow)]
    file_name: Cow<'a, str>,
    line_start: u64,
    column_start: u64,
    #[serde(default)]
    is_primary: bool,
}

impl CompilerMessage<'_> {
    /// `error[E0308]: mismatched types (src/main.rs:3:5)`: in a line what the compiler has in two.
    fn said<'a>(self) -> Said<'a> {
        let Diagnostic { level, message, code, spans } = self.message;
        let code = code.as_ref().map(|code| &*code.code);
        let error = level.starts_with("error");
        let mut text = level.to_string();
        // Like the compiler: the name of a lint is not shown.
        if let Some(code) = code.filter(|_| error) {
            text.push('[');
            text.push_str(code);
            text.push(']');
        }
        text.push_str(": ");
        text.push_str(message.lines().next().unwrap_or_default());
        let span = spans.iter().find(|span| span.is_primary);
        if let Some(Span { file_name, line_start, column_start, .. }) = span {
            text.push_str(&format!(" ({file_name}:{line_start}:{column_start})"));
        }
        let package = Package::read(&self.package_id);
        let facts = Facts {
            package: Some(package.name),
            version: package.version,
            level: Some(&level),
            code,
            file: span.map(|span| &*span.file_name),
            line: span.map(|span| span.line_start),
            column: span.map(|span| span.column_start),
            ..Facts::default()
        };
        // One error among many is not the end: cargo goes on.
        let priority = error.then_some(Priority::Normal);
        Said { priority, ..update(if error { "error" } else { "info" }, text, &facts) }
    }
}

/// A build script has run.
#[derive(Deserialize)]
struct BuildScript<'a> {
    #[serde(borrow)]
    package_id: Cow<'a, str>,
}

impl BuildScript<'_> {
    fn said<'a>(self) -> Said<'a> {
        let package = Package::read(&self.package_id);
        let facts =
            Facts { package: Some(package.name), version: package.version, ..Facts::default() };
        update("tool", format!("{package} (build script)"), &facts)
    }
}

/// The build is over; what it was for (tests, a run) may follow.
#[derive(Deserialize)]
struct BuildFinished {
    success: bool,
}

impl BuildFinished {
    fn said<'a>(self) -> Said<'a> {
        let text = if self.success { "build finished" } else { "build failed" };
        update("workflow", text, &Facts { success: Some(self.success), ..Facts::default() })
    }
}

/// A package by its id.
#[derive(Debug, PartialEq)]
struct Package<'a> {
    name: &'a str,
    version: Option<&'a str>,
}

impl<'a> Package<'a> {
    fn read(id: &'a str) -> Self {
        if let Some((name, rest)) = id.split_once(' ') {
            // Before 1.77: `name version (source)`.
            return Self { name, version: rest.split(' ').next() };
        }
        let Some((source, fragment)) = id.rsplit_once('#') else {
            return Self { name: id, version: None };
        };
        match fragment.split_once('@') {
            Some((name, version)) => Self { name, version: Some(version) },
            // The last part of the source is the name, if nothing else is said.
            None if fragment.starts_with(|c: char| c.is_ascii_digit()) => {
                let path = source.split('?').next().unwrap_or(source);
                let name = path.rsplit('/').next().unwrap_or(path);
                Self { name, version: Some(fragment) }
            }
            None => Self { name: fragment, version: None },
        }
    }
}

impl std::fmt::Display for Package<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)?;
        self.version.map_or(Ok(()), |version| write!(f, " {version}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (category, text, metadata) of a message.
    fn says(line: &str) -> (String, String, String) {
        let reason = line.split('"').nth(3).unwrap();
        let said = read(reason, line).unwrap();
        let error = said.category == "error";
        assert_eq!(said.priority, error.then_some(Priority::Normal), "no message is the end");
        (said.category.into(), said.text.into(), said.metadata.unwrap().into())
    }

    #[test]
    fn an_artifact_is_a_tool_that_has_done_its_work() {
        let artifact = |kind, name, test, fresh| {
            let line = format!(
                r#"{{"reason":"compiler-artifact","package_id":"path+file:///a#my-thing@0.3.0","manifest_path":"/a/Cargo.toml","target":{{"kind":["{kind}"],"crate_types":["lib"],"name":"{name}"}},"profile":{{"opt_level":"0","test":{test}}},"features":[],"filenames":[],"executable":null,"fresh":{fresh}}}"#
            );
            let (category, text, _) = says(&line);
            assert_eq!(category, "tool");
            text
        };
        assert_eq!(artifact("lib", "my_thing", false, false), "my-thing 0.3.0 (lib)");
        assert_eq!(artifact("lib", "my_thing", true, true), "my-thing 0.3.0 (lib test) fresh");
        assert_eq!(artifact("bin", "tool", false, false), "my-thing 0.3.0 (bin tool)");
        assert_eq!(artifact("test", "rules", true, false), "my-thing 0.3.0 (test rules)");
        assert_eq!(
            artifact("custom-build", "build-script-build", false, false),
            "my-thing 0.3.0 (custom-build)"
        );
    }

    #[test]
    fn a_diagnostic_is_one_line_with_its_place() {
        let diagnostic = |level, code, spans| {
            says(&format!(
                r#"{{"reason":"compiler-message","package_id":"path+file:///a/b#0.3.0","target":{{}},"message":{{"rendered":"…","children":[],"level":"{level}","message":"mismatched \"types\"\nmore","spans":[{spans}],"code":{code}}}}}"#
            ))
        };
        let spans = r#"{"file_name":"src/a.rs","line_start":9,"column_start":9,"is_primary":false},{"file_name":"src/t.rs","line_start":1,"column_start":24,"is_primary":true}"#;
        let code = r#"{"code":"E0308","explanation":null}"#;
        let (category, text, metadata) = diagnostic("error", code, spans);
        assert_eq!(category, "error");
        assert_eq!(text, r#"error[E0308]: mismatched "types" (src/t.rs:1:24)"#);
        assert_eq!(
            metadata,
            r#"{"package":"b","version":"0.3.0","level":"error","code":"E0308","file":"src/t.rs","line":1,"column":24}"#
        );

        let (category, text, _) = diagnostic("warning", r#"{"code":"unused"}"#, "");
        assert_eq!((&*category, &*text), ("info", r#"warning: mismatched "types""#));
        let (category, ..) = diagnostic("error: internal compiler error", "null", "");
        assert_eq!(category, "error");
    }

    #[test]
    fn build_scripts_and_the_end_of_the_build() {
        let script = r#"{"reason":"build-script-executed","package_id":"registry+https://github.com/rust-lang/crates.io-index#serde@1.0.0","env":[]}"#;
        assert_eq!(says(script).1, "serde 1.0.0 (build script)");
        let (category, text, metadata) = says(r#"{"reason":"build-finished","success":false}"#);
        assert_eq!((&*category, &*text), ("workflow", "build failed"));
        assert_eq!(metadata, r#"{"success":false}"#);
        assert_eq!(says(r#"{"reason":"build-finished","success":true}"#).1, "build finished");
    }

    #[test]
    fn what_has_not_the_form_is_not_cargos() {
        assert_eq!(read("build-finished", r#"{"reason":"build-finished"}"#), None);
        assert_eq!(read("timing-info", r#"{"reason":"timing-info"}"#), None);
        assert_eq!(read("compiler-artifact", r#"{"package_id":7,"target":{}}"#), None);
    }

    #[test]
    fn packages_by_their_ids() {
        let rules = [
            ("registry+https://github.com/rust-lang/crates.io-index#serde@1.0.0", "serde 1.0.0"),
            ("path+file:///src/core#statusbus-core@0.1.0", "statusbus-core 0.1.0"),
            ("path+file:///src/core#0.1.0", "core 0.1.0"),
            ("git+https://example.org/a/b?branch=x/y#0.1.0", "b 0.1.0"),
            ("serde 1.0.0 (registry+https://github.com/rust-lang/crates.io-index)", "serde 1.0.0"),
            ("path+file:///src/core#name", "name"),
            ("odd", "odd"),
        ];
        for (id, expected) in rules {
            assert_eq!(Package::read(id).to_string(), expected);
        }
    }
}
