//! What a task asks for.

use super::packed::Packed;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// How Ansible's own parameters begin.
pub(super) const OWN: &str = "_ansible_";

/// A task's parameters.
#[derive(Debug)]
pub(super) struct Arguments {
    /// What to do.
    pub action: Action,
    /// Whether to say what would be done, and to change nothing.
    pub check_mode: bool,
}

/// The parameter `action` with its own parameters.
#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Action {
    /// Start stubs that live on when the module has ended.
    Listen {
        plan: Packed,
        /// This host's name in the plan.
        host: String,
        /// How long they live at most, as `probe listen --ttl` reads it.
        #[serde(deserialize_with = "duration", default = "ten_minutes")]
        ttl: String,
    },
    /// End them, and hand over what they saw.
    Stop {},
    /// Dial.
    Run {
        plan: Packed,
        host: String,
        /// Further options of `probe run`.
        #[serde(default)]
        options: Vec<String>,
    },
    /// What listens here.
    Sockets {
        /// Options of `probe sockets`.
        #[serde(default)]
        options: Vec<String>,
    },
    /// What the firewalls' own tools and `ip` print here.
    Collect {},
}

impl Arguments {
    /// Reads parameters.
    ///
    /// # Errors
    ///
    /// What is missing, unknown or of another kind, and what was expected.
    pub fn read(mut given: Map<String, Value>) -> Result<Self, String> {
        let check_mode = given.get("_ansible_check_mode") == Some(&Value::Bool(true));
        given.retain(|key, value| !key.starts_with(OWN) && !value.is_null());
        if !given.contains_key("action") {
            return Err(
                "the parameter `action` is missing, expected listen, stop, run, sockets or collect"
                    .into(),
            );
        }
        let action = serde_json::from_value(Value::Object(given))
            .map_err(|error| format!("the parameters cannot be used: {error}"))?;
        Ok(Self { action, check_mode })
    }
}

fn ten_minutes() -> String {
    "10m".into()
}

/// A duration as text; a bare number is seconds, as YAML makes numbers of what looks like one.
fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a duration such as `10m`, or seconds")]
    enum Given {
        Seconds(u64),
        Text(String),
    }
    Ok(match Given::deserialize(deserializer)? {
        Given::Seconds(seconds) => format!("{seconds}s"),
        Given::Text(text) if text.bytes().all(|b| b.is_ascii_digit()) => format!("{text}s"),
        Given::Text(text) => text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Arguments, String> {
        Arguments::read(serde_json::from_str(text).expect("an object"))
    }

    #[test]
    fn parameters_are_read() {
        let arguments = read(
            r#"{"action":"listen","plan":"{}","host":"a","ttl":90,"_ansible_check_mode":true}"#,
        )
        .expect("good parameters");
        assert!(arguments.check_mode);
        let Action::Listen { ttl, .. } = arguments.action else {
            panic!("{:?}", arguments.action);
        };
        assert_eq!(ttl, "90s");
    }

    #[test]
    fn mistakes_are_told() {
        for (text, part) in [
            (r#"{"_ansible_x":1}"#, "`action` is missing"),
            (r#"{"action":"lisen"}"#, "`lisen`"),
            (r#"{"action":"stop","plan":"{}"}"#, "unknown field `plan`"),
            (r#"{"action":"run","host":"a"}"#, "missing field `plan`"),
            (
                r#"{"action":"listen","plan":"{}","host":"a","ttl":[]}"#,
                "a duration such as `10m`",
            ),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(part), "{error}");
        }
    }
}
