//! The arrows between the crates: `proto <- store <- consensus <- node <- {chaos-tests, bench}`,
//! and within `node` one order of its own. Pure over a list of packages.

use cargo_metadata::{DependencyKind, MetadataCommand};

use super::Finding;
use super::sources::root;

/// One crate of the workspace.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its folder from the root of the repository.
    pub folder: String,
    /// What it depends on: names, and whether only its tests do.
    pub dependencies: Vec<(String, bool)>,
}

/// The order of folders: a crate may depend on crates of the same layer and of earlier ones.
const LAYERS: &[&str] = &["proto", "store", "consensus", "node"];

/// The order within `node`: a crate may depend on earlier lines only.
const NODE_ORDER: &[&[&str]] = &[
    &["node-enforce", "node-identity", "node-peer"],
    &["node-gate"],
    &["node-session"],
    &["node-ssh", "node-postgres", "node-api"],
    &["node-daemon"],
    &["node-cli"],
];

/// Crates that test or measure: they may depend on everything, and nothing depends on them.
const OUTSIDE: &[&str] = &["chaos-tests", "bench"];

/// The crates of this workspace.
///
/// # Errors
/// When `cargo metadata` does not answer.
pub fn read() -> Result<Vec<Package>, cargo_metadata::Error> {
    let root = root();
    let manifest = root.join("Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec()?;
    let package = |package: &cargo_metadata::Package| {
        let folder = package.manifest_path.parent().map(|folder| folder.as_std_path().to_owned());
        let folder = folder.unwrap_or_default();
        let relative = folder.strip_prefix(&root).unwrap_or(&folder);
        let dependencies = package.dependencies.iter().map(|dependency| {
            (dependency.name.clone(), dependency.kind == DependencyKind::Development)
        });
        Package {
            name: package.name.to_string(),
            folder: relative.to_string_lossy().into_owned(),
            dependencies: dependencies.collect(),
        }
    };
    Ok(metadata.workspace_packages().into_iter().map(package).collect())
}

/// Crates whose name is not their folder, with dashes.
#[must_use]
pub fn misnamed(packages: &[Package]) -> Vec<Finding> {
    let wrong = packages.iter().filter(|package| package.name != package.folder.replace('/', "-"));
    wrong
        .map(|package| {
            let wanted = package.folder.replace('/', "-");
            Finding::whole(&package.name, format!("a crate is named after its path: {wanted}"))
        })
        .collect()
}

/// Dependencies that point the wrong way.
#[must_use]
pub fn wrong_arrows(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        if OUTSIDE.contains(&package.name.as_str()) {
            continue;
        }
        for (name, _) in &package.dependencies {
            let Some(other) = packages.iter().find(|other| other.name == *name) else { continue };
            if let Some(why) = wrong_arrow(package, other) {
                findings.push(Finding::whole(&package.name, why));
            }
        }
    }
    findings
}

fn wrong_arrow(from: &Package, to: &Package) -> Option<String> {
    if OUTSIDE.contains(&to.name.as_str()) {
        return Some(format!("nothing depends on {}, which only tests or measures", to.name));
    }
    let (one, other) = (layer(from)?, layer(to)?);
    if other > one {
        let (one, other) = (LAYERS[one], LAYERS[other]);
        return Some(format!("depends on {}: {one} must not know of {other}", to.name));
    }
    if LAYERS[one] != "node" || LAYERS[other] != "node" {
        return None;
    }
    match (node_place(from), node_place(to)) {
        (Some(one), Some(other)) if other < one => None,
        (Some(_), Some(_)) => {
            Some(format!("depends on {}, which does not come before it", to.name))
        }
        (None, _) => Some("has no place in the order of node crates (tidy/packages.rs)".to_owned()),
        (_, None) => Some(format!("depends on {}, which has no place in the order", to.name)),
    }
}

fn layer(package: &Package) -> Option<usize> {
    let top = package.folder.split('/').next();
    LAYERS.iter().position(|layer| Some(*layer) == top)
}

fn node_place(package: &Package) -> Option<usize> {
    NODE_ORDER.iter().position(|line| line.contains(&package.name.as_str()))
}

/// Crates in folders that are no layer at all.
#[must_use]
pub fn outside_the_house(packages: &[Package]) -> Vec<Finding> {
    let outside = packages
        .iter()
        .filter(|package| layer(package).is_none() && !OUTSIDE.contains(&package.name.as_str()));
    outside.map(|package| Finding::whole(&package.name, "is in no folder of the house")).collect()
}
