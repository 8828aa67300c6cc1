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
    files: Vec<File>,
}

/// A file as it was when the copy was made: edits of the original do not get into a copy in use.
#[derive(Debug)]
struct File {
    path: PathBuf,
    content: Vec<u8>,
    modified: SystemTime,
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
        let files = names.filter_map(|name| File::read(name).transpose());
        let copy = Copy {
            root: at.to_path_buf(),
            files: files.collect::<Outcome<_>>()?,
        };
        copy.remove_strangers(&copy.root)?;
        copy.restore()?;
        Ok(copy)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Makes every file again what it was when the copy was made.
    pub(crate) fn restore(&self) -> Outcome {
        for file in &self.files {
            file.write(&self.root.join(&file.path))?;
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
            } else if self.files.iter().all(|file| file.path != short) {
                fs::remove_file(&path).context(path.display())?;
            }
        }
        Ok(())
    }
}

impl File {
    /// Reads a file of the checkout; none if git still lists it but it is gone.
    fn read(path: PathBuf) -> Outcome<Option<File>> {
        let from = workspace::root().join(&path);
        if !from.is_file() {
            return Ok(None);
        }
        Ok(Some(File {
            content: fs::read(&from).context(from.display())?,
            modified: fs::metadata(&from)?.modified()?,
            path,
        }))
    }

    /// Writes it, if it is not there already.
    fn write(&self, to: &Path) -> Outcome {
        let old = fs::read(to).ok();
        if old.as_ref() == Some(&self.content) {
            return Ok(());
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(to, &self.content).context(to.display())?;
        if old.is_none() {
            // A fresh file keeps its time, so that artifacts built from the original count as built from it.
            let file = fs::File::options().append(true).open(to)?;
            file.set_modified(self.modified)?;
        }
        Ok(())
    }
}
