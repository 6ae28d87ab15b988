//! Parameter values and the conditions over them.

use super::{Condition, OneOrMany, Scalar};
use std::collections::BTreeMap;
use std::fmt;

impl Condition {
    /// Whether it holds for these parameter values. A parameter without a value has none of the
    /// allowed ones: fill in defaults first ([`super::Catalog::values`]).
    #[must_use]
    pub fn holds(&self, values: &BTreeMap<String, Scalar>) -> bool {
        let all = self.all.iter().all(|(parameter, allowed)| {
            values
                .get(parameter)
                .is_some_and(|value| allowed.iter().any(|one| one == value))
        });
        let any = self.any.is_empty() || self.any.iter().any(|one| one.holds(values));
        let not = self.not.as_ref().is_none_or(|not| !not.holds(values));
        all && any && not
    }

    /// The condition that holds where both hold.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut all = self.all.clone();
        for (parameter, allowed) in &other.all {
            let both = match all.get(parameter) {
                Some(own) => intersection(own, allowed),
                None => allowed.clone(),
            };
            all.insert(parameter.clone(), both);
        }
        let any = match (self.any.is_empty(), other.any.is_empty()) {
            (true, _) => other.any.clone(),
            (_, true) => self.any.clone(),
            (false, false) => self
                .any
                .iter()
                .flat_map(|a| other.any.iter().map(|b| a.and(b)))
                .collect(),
        };
        let not = match (&self.not, &other.not) {
            (None, not) | (not, None) => not.clone(),
            (Some(a), Some(b)) => Some(Box::new(Self {
                any: vec![(**a).clone(), (**b).clone()],
                ..Self::default()
            })),
        };
        Self { any, not, all }
    }

    /// Calls `visit` with every parameter that it names and the values it compares with.
    pub fn visit(&self, visit: &mut impl FnMut(&str, &OneOrMany<Scalar>)) {
        for (parameter, allowed) in &self.all {
            visit(parameter, allowed);
        }
        for condition in self.any.iter().chain(self.not.as_deref()) {
            condition.visit(visit);
        }
    }
}

fn intersection(a: &OneOrMany<Scalar>, b: &OneOrMany<Scalar>) -> OneOrMany<Scalar> {
    OneOrMany::Many(
        a.iter()
            .filter(|one| b.iter().any(|other| other == *one))
            .cloned()
            .collect(),
    )
}

/// Compact: `cni=calico & calico.encapsulation=any|vxlan & !(calico.bgp=true)`.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        for (parameter, allowed) in &self.all {
            let values: Vec<String> = allowed.iter().map(Scalar::to_string).collect();
            parts.push(format!("{parameter}={}", values.join("|")));
        }
        if !self.any.is_empty() {
            let choices: Vec<String> = self.any.iter().map(Self::to_string).collect();
            parts.push(format!("({})", choices.join(" | ")));
        }
        if let Some(not) = &self.not {
            parts.push(format!("!({not})"));
        }
        f.write_str(&parts.join(" & "))
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Text(value) => f.write_str(value),
        }
    }
}
