//! Modules that another object writes: what its controller would write back, nobody edits.

use std::fmt;

use serde_json::Value;

use crate::findings::finding::{Code, Effect, Finding};

/// The object whose controller writes a Module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// `apiVersion`.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// The object that owns it in its turn, where there is one.
    pub above: Option<Box<Owner>>,
}

impl Owner {
    /// The controller among `ownerReferences`; an owner that is not the controller writes
    /// nothing.
    pub fn of(owner_references: &Value) -> Option<Self> {
        let text = |reference: &Value, key: &str| {
            let text = reference[key].as_str().unwrap_or_default();
            text.to_owned()
        };
        let references = owner_references.as_array()?;
        let controller = references.iter().find(|one| one["controller"] == true)?;
        Some(Self {
            api_version: text(controller, "apiVersion"),
            kind: text(controller, "kind"),
            name: text(controller, "name"),
            above: None,
        })
    }

    /// No mapping is for the kernel yet: the owner may add it when nodes run that kernel, as
    /// it did for those of today.
    pub fn awaits(&self, finding: Finding, namespace: &str, module: &str) -> Finding {
        let message = format!("{}; this Module is managed by {self}", finding.message);
        let mut waiting = Finding { message, ..finding }.with_effect(Effect::Doubts);
        waiting.point_at_flag(format!(
            "Find out which image {self} uses for this kernel, and pass --assume-image \
             {namespace}/{module}=IMAGE."
        ));
        waiting
    }

    /// Points the hints that ask for an edit of the Module at the owner.
    pub fn take_over(&self, findings: &mut [Finding]) {
        for finding in findings.iter_mut() {
            let edits_the_module = matches!(
                finding.code,
                Code::ModuleInvalid
                    | Code::MappingInvalid
                    | Code::MappingNotFound
                    | Code::ImageInvalid
                    | Code::ImageNotFound
                    | Code::ModuleNotFound
                    | Code::ModuleNameClash
                    | Code::ModprobeArgsInvalid
                    | Code::ModprobeArgsUnknown
                    | Code::InTreeModule
                    | Code::FirmwareMissing
                    | Code::SecretMissing
                    | Code::ConfigmapMissing
                    | Code::SignFailed
                    | Code::NoNodeSelected
            );
            if edits_the_module && finding.hint.is_some() && !finding.is_flag_hint {
                let hint = format!("Change it in {self}; it would revert a change to the Module.");
                finding.hint = Some(hint);
            }
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = self.api_version.split('/').next().unwrap_or_default();
        write!(f, "{} {} ({group})", self.kind, self.name)?;
        match &self.above {
            Some(above) => write!(f, " of {} {}", above.kind, above.name),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn references(controller: &Value) -> Value {
        json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "other"},
               {"apiVersion": "amd.com/v1alpha1", "kind": "DeviceConfig", "name": "gpu",
                "controller": controller}])
    }

    #[test]
    fn only_a_controller_owns() {
        let owner = Owner::of(&references(&json!(true))).expect("an owner");
        assert_eq!(owner.to_string(), "DeviceConfig gpu (amd.com)");
        for none in [json!(false), json!(null)] {
            assert_eq!(Owner::of(&references(&none)), None);
        }
        assert_eq!(Owner::of(&Value::Null), None);
    }

    #[test]
    fn no_hint_asks_for_an_edit_that_would_be_undone() {
        let mut owner = Owner::of(&references(&json!(true))).expect("an owner");
        owner.above = Some(Box::new(Owner {
            api_version: "x/v1".into(),
            kind: "Operator".into(),
            name: "o".into(),
            above: None,
        }));
        let missing = Finding::new(Code::MappingNotFound, "no mapping for K").hint("add a mapping");
        let waiting = owner.awaits(missing, "ns", "m");
        assert_eq!(waiting.effect, Effect::Doubts);
        let mut all = [
            waiting.clone(),
            Finding::new(Code::MappingInvalid, "bad").hint("correct the Module"),
            Finding::new(Code::SymbolMissing, "x").hint("build it again"),
        ];
        owner.take_over(&mut all);
        assert_eq!(all[0], waiting);
        assert!(
            all[0]
                .hint
                .as_ref()
                .is_some_and(|h| h.contains("--assume-image ns/m="))
        );
        let hint = all[1].hint.as_deref().unwrap_or_default();
        assert!(
            hint.contains("DeviceConfig gpu (amd.com) of Operator o"),
            "{hint}"
        );
        assert_eq!(all[2].hint.as_deref(), Some("build it again"));
    }
}
