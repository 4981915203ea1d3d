//! The OpenAPI document, made from the table of endpoints and the types of the bodies: it cannot
//! list an endpoint that is not there, nor leave one out.

use proto::api;
use proto::refusal::Told;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::endpoint::{Access, ENDPOINTS, Endpoint, Operation};

/// The document (OpenAPI 3.1, whose schemas are JSON Schema 2020-12).
#[must_use]
pub fn document(version: &str) -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    let mut schemas = settings.into_generator();
    let refusal = schemas.subschema_for::<Told>().to_value();
    let mut paths = Map::new();
    for endpoint in ENDPOINTS {
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        path[endpoint.method.name().to_lowercase()] = operation(endpoint, &mut schemas, &refusal);
    }
    let components = json!({
        "schemas": schemas.take_definitions(true),
        "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
    });
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Sallyport",
            "version": version,
            "description": "The control and query API of a Sallyport node.",
        },
        "paths": paths,
        "components": components,
    })
}

fn operation(endpoint: &Endpoint, schemas: &mut SchemaGenerator, refusal: &Value) -> Value {
    let (body, answer, kind) = bodies(endpoint.operation, schemas);
    let refused = json!({ "content": { "application/json": { "schema": refusal } } });
    let mut responses = json!({
        "200": { "description": "Done.", "content": { kind: { "schema": answer } } },
        "400": described(&refused, "The request is not right."),
        "503": described(&refused, "The node does not serve this now."),
    });
    let mut operation = json!({
        "operationId": format!("{:?}", endpoint.operation),
        "summary": endpoint.summary,
        "parameters": parameters(endpoint),
    });
    if let Some(body) = body {
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": body } } });
        responses["401"] = described(&refused, "The login was refused.");
    }
    if endpoint.access != Access::Public {
        operation["security"] = json!([{ "token": [] }]);
        responses["401"] = described(&refused, "No valid token.");
    }
    if let Access::May(permissions) = endpoint.access {
        let names: Vec<_> = permissions.iter().map(|one| one.word()).collect();
        operation["x-permissions"] = json!(names);
        responses["403"] = described(&refused, "Your roles do not permit this.");
    }
    operation["responses"] = responses;
    operation
}

fn described(response: &Value, text: &str) -> Value {
    let mut response = response.clone();
    response["description"] = json!(text);
    response
}

fn parameters(endpoint: &Endpoint) -> Value {
    let text = json!({ "type": "string" });
    let in_path = endpoint.path.split('/').filter_map(|part| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?;
        Some(json!({ "name": name, "in": "path", "required": true, "schema": text }))
    });
    let in_query = endpoint.query.iter().map(|(name, description)| {
        json!({ "name": name, "in": "query", "description": description, "schema": text })
    });
    in_path.chain(in_query).collect()
}

/// The body of the request, the body of the answer, and the answer's content type.
fn bodies(
    operation: Operation,
    schemas: &mut SchemaGenerator,
) -> (Option<Value>, Value, &'static str) {
    const JSON: &str = "application/json";
    const LINES: &str = "application/x-ndjson";
    let text = || json!({ "type": "string" });
    let object = || json!({ "type": "object" });
    let mut of = |schema: fn(&mut SchemaGenerator) -> schemars::Schema| schema(schemas).to_value();
    match operation {
        Operation::Health => (None, of(|all| all.subschema_for::<api::Health>()), JSON),
        Operation::Metrics => (None, text(), "text/plain"),
        Operation::OpenApi | Operation::Session => (None, object(), JSON),
        Operation::Challenge => (None, of(|all| all.subschema_for::<api::Challenge>()), JSON),
        Operation::SshLogin => (
            Some(of(|all| all.subschema_for::<api::SshLogin>())),
            of(|all| all.subschema_for::<api::LoggedIn>()),
            JSON,
        ),
        Operation::PasswordLogin => (
            Some(of(|all| all.subschema_for::<api::PasswordLogin>())),
            of(|all| all.subschema_for::<api::LoggedIn>()),
            JSON,
        ),
        Operation::Logout => (None, object(), JSON),
        Operation::WhoAmI => (None, of(|all| all.subschema_for::<api::WhoAmI>()), JSON),
        Operation::Sessions => {
            (None, of(|all| all.subschema_for::<api::Page<serde_json::Value>>()), JSON)
        }
        Operation::SessionEvents | Operation::Events => (None, object(), LINES),
        Operation::Policy => (None, of(|all| all.subschema_for::<api::PolicyNow>()), JSON),
        Operation::PolicyByDigest => (None, text(), "application/yaml"),
        Operation::People => {
            (None, of(|all| all.subschema_for::<api::Page<api::PersonRow>>()), JSON)
        }
        Operation::Targets => {
            (None, of(|all| all.subschema_for::<api::Page<api::TargetRow>>()), JSON)
        }
        Operation::JournalStatus => {
            (None, of(|all| all.subschema_for::<api::Page<api::JournalStatus>>()), JSON)
        }
    }
}
