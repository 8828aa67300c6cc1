//! Where things are: the root of the checkout, its target directory, its crates.

use std::env;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::fail::{Context, Fail, Outcome};
use crate::tool::Tool;

/// The root of the checkout.
///
/// Cargo tells a running program where its manifest is; the path known at compile time would be that of another checkout
/// if two of them shared a target directory.
pub(crate) fn root() -> PathBuf {
    let manifest = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest.parent().map(Path::to_path_buf).unwrap_or(manifest)
}

/// What `cargo metadata` says of the workspace, without its third-party packages' own dependencies.
pub(crate) fn metadata() -> Outcome<Value> {
    let text = Tool::cargo(["metadata", "--format-version=1", "--no-deps"])
        .quiet()
        .output()?;
    serde_json::from_str(&text).context("cargo metadata is no JSON")
}

/// The directory in which cargo builds.
pub(crate) fn target() -> Outcome<PathBuf> {
    match metadata()?["target_directory"].as_str() {
        Some(path) => Ok(PathBuf::from(path)),
        None => Err(Fail::new("cargo metadata names no target directory")),
    }
}

/// Files directly in `crates/*/<folder>` whose name passes the filter, sorted, each with its crate's name.
pub(crate) fn files_of_crates(
    folder: &str,
    wanted: impl Fn(&str) -> bool,
) -> Outcome<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for krate in entries(&root().join("crates"))? {
        let folder = krate.join(folder);
        if folder.is_dir() {
            let files = entries(&folder)?
                .into_iter()
                .filter(|file| wanted(&name(file)));
            found.extend(files.map(|file| (name(&krate), file)));
        }
    }
    Ok(found)
}

/// The last part of a path.
pub(crate) fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn entries(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let read = folder.read_dir().context(folder.display())?;
    let mut paths = read
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}
