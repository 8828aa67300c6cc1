//! A copy of the checkout in which patches can be tried without touching the original.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::fail::{Context, Outcome};
use crate::tool::Tool;
use crate::workspace;

/// A copy of every file that git tracks or would track.
///
/// It has a target directory of its own. Cargo identifies a workspace crate by its path *inside* the workspace and decides
/// by modification time whether to build it again, so a target directory shared with the original would hand a patched
/// artifact back to the original, whose files are older.
#[derive(Debug)]
pub(crate) struct Copy {
    root: PathBuf,
    files: Vec<PathBuf>,
}

impl Copy {
    /// Makes the copy, or brings an old one up to date: only what differs is written, so that little is built again.
    pub(crate) fn make(at: &Path) -> Outcome<Copy> {
        let listing = Tool::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .quiet()
            .output()?;
        let names = listing
            .split('\0')
            .filter(|name| !name.is_empty())
            .map(PathBuf::from);
        let files: Vec<PathBuf> = names
            .filter(|name| workspace::root().join(name).is_file())
            .collect();
        let copy = Copy {
            root: at.to_path_buf(),
            files,
        };
        copy.remove_strangers(&copy.root)?;
        copy.restore()?;
        Ok(copy)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Makes every file equal to its original again.
    pub(crate) fn restore(&self) -> Outcome {
        for file in &self.files {
            let from = workspace::root().join(file);
            let to = self.root.join(file);
            let content = fs::read(&from).context(from.display())?;
            let old = fs::read(&to).ok();
            if old.as_ref() == Some(&content) {
                continue;
            }
            if let Some(folder) = to.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(&to, content).context(to.display())?;
            if old.is_none() {
                // A fresh file keeps its time, so that artifacts built from the original count as built from it.
                let time = fs::metadata(&from)?.modified().unwrap_or(SystemTime::now());
                fs::File::options()
                    .append(true)
                    .open(&to)?
                    .set_modified(time)?;
            }
        }
        Ok(())
    }

    /// Applies a unified diff against the root. Lines before the first file header are ignored.
    pub(crate) fn apply(&self, patch: &Path) -> Outcome {
        // Without the ceiling git would find the original's repository above the copy and take the paths as relative to that.
        let ceiling = self.root.parent().unwrap_or(&self.root);
        Tool::new("git")
            .args(["apply", "--whitespace=nowarn", "--"])
            .args([patch])
            .current_dir(&self.root)
            .env("GIT_CEILING_DIRECTORIES", ceiling)
            .quiet()
            .output()
            .map(drop)
    }

    /// Removes what an older copy had and the original has no more.
    fn remove_strangers(&self, folder: &Path) -> Outcome {
        let Ok(read) = folder.read_dir() else {
            return Ok(());
        };
        for entry in read {
            let path = entry?.path();
            let short = path.strip_prefix(&self.root).unwrap_or(&path);
            if path.is_dir() {
                self.remove_strangers(&path)?;
            } else if self.files.iter().all(|file| file != short) {
                fs::remove_file(&path).context(path.display())?;
            }
        }
        Ok(())
    }
}
