//! The input of an AG-UI run.

use serde::Deserialize;

use crate::request::{Field, Problem, read_object};

/// The ids that an AG-UI client gives the run that it requests. Other fields of the input are
/// addressed to an agent and ignored.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunInput {
    pub(super) thread_id: String,
    pub(super) run_id: String,
}

impl RunInput {
    /// Maximum length of an id in bytes.
    const MAX_ID: usize = 1_024;

    /// Reads the input of a run.
    ///
    /// # Errors
    /// `invalid`: the body is not such an object. `too_large`: an id is too long.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Problem> {
        const FIELDS: [Field; 2] = [Field::string("threadId"), Field::string("runId")];
        let invalid = |fault: &str| {
            let detail = format!("the body is not the input of an AG-UI run: {fault}");
            Problem::bad_request("invalid", detail)
        };
        let body = std::str::from_utf8(body).map_err(|_| invalid("it is not UTF-8"))?;
        let input: Self = read_object(body, "it", &FIELDS).map_err(|fault| invalid(&fault))?;
        let longest = input.thread_id.len().max(input.run_id.len());
        if longest > Self::MAX_ID {
            let max = Self::MAX_ID;
            let detail = format!("threadId and runId may have {max} bytes, and not {longest}");
            return Err(Problem::bad_request("too_large", detail));
        }
        Ok(input)
    }
}
