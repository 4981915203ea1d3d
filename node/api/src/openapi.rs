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
    if endpoint.fresh {
        responses["409"] = described(&refused, "Somebody else changed it meanwhile.");
        responses["504"] = described(&refused, "It is unknown whether the change was made.");
    }
    if matches!(endpoint.operation, Operation::PolicyApply | Operation::PolicyRollback) {
        let mut waits = responses["200"].clone();
        waits["description"] = json!("It waits for a second person.");
        responses["202"] = waits;
    }
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

const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";
const BYTES: &str = "application/octet-stream";

/// The body of the request, the body of the answer, and the answer's content type.
fn bodies(
    operation: Operation,
    schemas: &mut SchemaGenerator,
) -> (Option<Value>, Value, &'static str) {
    let text = || json!({ "type": "string" });
    let object = || json!({ "type": "object" });
    // A body, and an answer.
    macro_rules! asks {
        ($asked:ty, $answered:ty) => {{
            let asked = schemas.subschema_for::<$asked>().to_value();
            (Some(asked), schemas.subschema_for::<$answered>().to_value(), JSON)
        }};
    }
    macro_rules! answers {
        ($answered:ty) => {
            answers!($answered, JSON)
        };
        ($answered:ty, $kind:expr) => {
            (None, schemas.subschema_for::<$answered>().to_value(), $kind)
        };
    }
    match operation {
        Operation::Health => answers!(api::Health),
        Operation::Metrics => (None, text(), "text/plain"),
        Operation::OpenApi | Operation::Session | Operation::Logout => (None, object(), JSON),
        Operation::Challenge => answers!(api::Challenge),
        Operation::SshLogin => asks!(api::SshLogin, api::LoggedIn),
        Operation::PasswordLogin => asks!(api::PasswordLogin, api::LoggedIn),
        Operation::DatabaseCredential => answers!(api::DatabaseCredential),
        Operation::WhoAmI => answers!(api::WhoAmI),
        Operation::Sessions => answers!(api::Page<api::SessionListed>),
        Operation::SessionEvents | Operation::Events | Operation::Chain => (None, object(), LINES),
        Operation::Seals => answers!(api::Seals),
        Operation::SessionWatch => answers!(api::Watched, LINES),
        Operation::SessionKill => asks!(api::KillAsked, api::SessionListed),
        Operation::Policy | Operation::PolicyRevision => answers!(api::PolicyNow),
        Operation::PolicyApply => asks!(api::PolicyAsked, api::PolicyApplied),
        Operation::PolicyRevisions => answers!(api::Page<api::PolicyRevisionRow>),
        Operation::PolicyRollback => asks!(api::RollbackAsked, api::PolicyApplied),
        Operation::PolicyByDigest => (None, text(), "application/yaml"),
        Operation::Approvals => answers!(api::Page<api::ApprovalRow>),
        Operation::ApprovalsWatch => answers!(api::ApprovalRow, LINES),
        Operation::Approval => answers!(api::ApprovalRow),
        Operation::ApprovalRule => asks!(api::RulingAsked, api::ApprovalRow),
        Operation::ApprovalRevoke => asks!(api::RevocationAsked, api::ApprovalRow),
        Operation::Locks => answers!(api::Page<api::LockRow>),
        Operation::LockSet => asks!(api::LockAsked, api::LockRow),
        Operation::LockLift => asks!(api::LiftAsked, api::LockRow),
        Operation::People => answers!(api::Page<api::PersonRow>),
        Operation::Targets => answers!(api::Page<api::TargetRow>),
        Operation::PeopleApply | Operation::TargetsApply => {
            asks!(api::DocumentAsked, api::DocumentApplied)
        }
        Operation::PersonRemove | Operation::TargetRemove => {
            asks!(api::RemovalAsked, api::DocumentApplied)
        }
        Operation::ClusterStatus => answers!(api::ClusterStatus),
        Operation::JoinToken => answers!(api::JoinTokenGiven),
        Operation::NodeRemove => answers!(api::NodeRow),
        Operation::Backup => {
            let asked = schemas.subschema_for::<api::BackupAsked>().to_value();
            (Some(asked), json!({ "type": "string", "format": "binary" }), BYTES)
        }
        Operation::JournalStatus => answers!(api::Page<api::JournalStatus>),
        Operation::ViewsStatus => answers!(api::Page<api::ViewsStatus>),
        Operation::ViewsRebuild => asks!(api::RebuildAsked, api::Page<api::ViewsStatus>),
    }
}
