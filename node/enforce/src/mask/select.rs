//! From rules to treatments: which detector runs, under which rule, with which action.
//!
//! Known values are never switched off or weakened here.

use std::sync::Arc;

use super::compile::{PlanError, Treatment};
use super::detector::{self, DetectorInfo, detectors};
use super::plan::{Action, Class, Detect, KnownValue, MaskRule};
use super::spans::strength;

/// The rule name of what is masked without any rule.
pub(super) const DEFAULT_RULE: &str = "default";

/// Whether what no rule names is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Defaults {
    /// Secrets and credentials are.
    On,
    /// Nothing is.
    Off,
}

/// The treatment of a built-in detector; `None` if it is off.
///
/// Of several rules that name it the strongest action wins, and the first of equals.
pub(super) fn treatment(
    info: &DetectorInfo,
    rules: &[MaskRule],
    defaults: Defaults,
) -> Option<Treatment> {
    let named = rules.iter().filter(|rule| rule.detect.iter().any(|detect| names(detect, info)));
    let mut best: Option<&MaskRule> = None;
    for rule in named {
        if best.is_none_or(|best| strength(&rule.action) > strength(&best.action)) {
            best = Some(rule);
        }
    }
    let (rule, action) = match best {
        Some(rule) if rule.action == Action::None => return None,
        Some(rule) => (rule.name.clone(), rule.action.clone()),
        None if defaults == Defaults::On
            && matches!(info.class, Some(Class::Secrets | Class::Credentials))
            && !info.only_by_name =>
        {
            (Arc::from(DEFAULT_RULE), Action::Redact)
        }
        None => return None,
    };
    Some(Treatment {
        detector: Arc::from(info.name),
        rule,
        action,
        class: info.class,
        confidence: info.confidence,
        yaml: info.name == detector::KUBERNETES,
    })
}

fn names(detect: &Detect, info: &DetectorInfo) -> bool {
    match detect {
        Detect::Class(class) => info.class == Some(*class) && !info.only_by_name,
        Detect::Detector(name) => name == info.name,
        Detect::Pattern(_) | Detect::Words(_) => false,
    }
}

/// The treatment of a known value: redacted, unless a rule asks for something stronger.
pub(super) fn known_treatment(value: &KnownValue, rules: &[MaskRule]) -> Treatment {
    let stronger = rules
        .iter()
        .filter(|rule| rule.detect.iter().any(|d| names(d, &detector::KNOWN_VALUE)))
        .map(|rule| &rule.action)
        .find(|action| strength(action) > strength(&Action::Redact));
    Treatment {
        detector: Arc::from(detector::KNOWN_VALUE.name),
        rule: value.label.clone(),
        action: stronger.cloned().unwrap_or(Action::Redact),
        class: None,
        confidence: detector::KNOWN_VALUE.confidence,
        yaml: false,
    }
}

/// Refuses rules that name a detector that does not exist.
pub(super) fn check_names(rules: &[MaskRule]) -> Result<(), PlanError> {
    for rule in rules {
        for detect in &rule.detect {
            let Detect::Detector(name) = detect else {
                continue;
            };
            let exists = detectors().iter().any(|info| info.name == name);
            if !exists && name != detector::KNOWN_VALUE.name {
                return Err(PlanError::UnknownDetector {
                    rule: rule.name.clone(),
                    name: name.clone(),
                });
            }
        }
    }
    Ok(())
}
