//! What an update says besides its text.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::IgnoredAny;

/// A JSON object that goes along with an update, in its written form.
///
/// ```
/// use statusbus_tokio::Metadata;
///
/// let metadata: Metadata = r#"{"tool":"search","hits":3}"#.parse()?;
/// assert_eq!(metadata.as_json(), r#"{"tool":"search","hits":3}"#);
/// assert!("[1,2]".parse::<Metadata>().is_err());
/// # Ok::<(), statusbus_tokio::MetadataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata(Box<str>);

impl Metadata {
    /// The object as JSON.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Metadata {
    type Err = MetadataError;

    fn from_str(json: &str) -> Result<Self, MetadataError> {
        match serde_json::from_str::<HashMap<Cow<'_, str>, IgnoredAny>>(json) {
            // Between the tokens a line break is white space, and inside of one there is none: so
            // the object stays on one line.
            Ok(_) => Ok(Self(json.trim().replace(['\r', '\n'], " ").into())),
            Err(error) => Err(MetadataError(error.to_string())),
        }
    }
}

impl From<serde_json::Map<String, serde_json::Value>> for Metadata {
    fn from(object: serde_json::Map<String, serde_json::Value>) -> Self {
        Self(serde_json::Value::Object(object).to_string().into())
    }
}

/// Something is not a JSON object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataError(String);

impl fmt::Display for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "metadata has to be a JSON object: {}", self.0)
    }
}

impl std::error::Error for MetadataError {}
