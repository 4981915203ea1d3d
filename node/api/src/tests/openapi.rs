//! The OpenAPI document lists exactly what there is.

use serde_json::Value;

use crate::document;
use crate::endpoint::{Access, ENDPOINTS};

#[test]
fn it_lists_exactly_the_endpoints() {
    let document = document("0.0.0");
    let paths = document["paths"].as_object().expect("paths");
    let mut listed: Vec<String> = Vec::new();
    for (path, operations) in paths {
        for method in operations.as_object().expect("operations").keys() {
            listed.push(format!("{} {path}", method.to_uppercase()));
        }
    }
    let mut expected: Vec<_> = ENDPOINTS.iter().map(|endpoint| endpoint.name()).collect();
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);
}

#[test]
fn it_asks_for_a_token_wherever_one_is_needed() {
    let document = document("0.0.0");
    for endpoint in ENDPOINTS {
        let operation = &document["paths"][endpoint.path][endpoint.method.name().to_lowercase()];
        let secured = operation.get("security").is_some();
        assert_eq!(secured, endpoint.access != Access::Public, "{}", endpoint.name());
    }
}

#[test]
fn its_references_lead_somewhere() {
    fn check(document: &Value, part: &Value) {
        match part {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    let pointer = reference.strip_prefix('#').expect("a local reference");
                    assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
                }
                fields.values().for_each(|field| check(document, field));
            }
            Value::Array(items) => items.iter().for_each(|item| check(document, item)),
            _ => {}
        }
    }
    let document = document("0.0.0");
    check(&document, &document);
}
