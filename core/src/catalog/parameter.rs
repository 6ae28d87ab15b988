//! Which values a parameter takes.

use super::{Parameter, Scalar};

impl Parameter {
    /// The value as this parameter writes it (`"true"` from a command line becomes `true`), or
    /// none where it does not take it.
    #[must_use]
    pub fn accept(&self, value: &Scalar) -> Option<Scalar> {
        if self.values.is_empty() {
            return value.port_range().map(|_| value.clone());
        }
        let exact = self.values.iter().find(|one| *one == value);
        let written = || {
            let text = value.to_string();
            self.values.iter().find(|one| one.to_string() == text)
        };
        exact.or_else(written).cloned()
    }

    /// What it takes, for messages.
    #[must_use]
    pub fn expected(&self) -> String {
        if self.values.is_empty() {
            return "a port or a port range such as `30000-32767`".into();
        }
        let values: Vec<String> = self.values.iter().map(|one| format!("`{one}`")).collect();
        match values.as_slice() {
            [one] => one.clone(),
            many => format!("one of {}", many.join(", ")),
        }
    }
}
