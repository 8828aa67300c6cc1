//! Runs programs: says what it runs, gives them no stdin, and turns a bad exit into an error.

use std::env;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::fail::{Context, Fail, Outcome};
use crate::workspace;

/// A program to be run in the root of the checkout.
#[derive(Debug)]
pub(crate) struct Tool {
    command: Command,
    line: String,
    quiet: bool,
}

impl Tool {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let program = program.as_ref();
        let mut command = Command::new(program);
        command.current_dir(workspace::root()).stdin(Stdio::null());
        let short = Path::new(program).file_name().unwrap_or(program);
        Tool {
            command,
            line: short.to_string_lossy().into_owned(),
            quiet: false,
        }
    }

    /// The cargo that runs us.
    pub(crate) fn cargo(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        Tool::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into())).args(args)
    }

    /// Whether a program of that name is in the path.
    pub(crate) fn exists(program: &str) -> bool {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path).any(|folder| folder.join(program).is_file())
    }

    pub(crate) fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        for arg in args {
            self.line.push(' ');
            self.line.push_str(&arg.as_ref().to_string_lossy());
            self.command.arg(arg);
        }
        self
    }

    pub(crate) fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    pub(crate) fn current_dir(mut self, path: &Path) -> Self {
        self.command.current_dir(path);
        self
    }

    /// Does not print the command line.
    pub(crate) fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// Runs it with our own output streams; anything but success is an error.
    pub(crate) fn run(mut self) -> Outcome {
        self.announce();
        let status = self.command.status().context(&self.line)?;
        success(status, &self.line)
    }

    /// Runs it and shows each line of its stdout to `look` while printing it; tells how it ended.
    pub(crate) fn tee(mut self, mut look: impl FnMut(&str)) -> Outcome<ExitStatus> {
        self.announce();
        let mut child = self
            .command
            .stdout(Stdio::piped())
            .spawn()
            .context(&self.line)?;
        let lines = BufReader::new(child.stdout.take().expect("stdout was asked for"));
        let mut out = io::stdout().lock();
        for line in lines.split(b'\n') {
            let line = line?;
            let text = String::from_utf8_lossy(&line);
            look(&text);
            writeln!(out, "{text}")?;
        }
        Ok(child.wait()?)
    }

    /// Runs it and shows each line of its stdout to `look` without printing it; tells how it ended.
    pub(crate) fn read_lines(mut self, mut look: impl FnMut(&str)) -> Outcome<ExitStatus> {
        self.announce();
        let output = self
            .command
            .stderr(Stdio::inherit())
            .output()
            .context(&self.line)?;
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .for_each(&mut look);
        Ok(output.status)
    }

    /// Runs it silently and gives back its stdout; anything but success is an error that carries its stderr.
    pub(crate) fn output(mut self) -> Outcome<String> {
        self.announce();
        let output = self.command.output().context(&self.line)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        Err(Fail::new(format!(
            "`{}` failed:\n{}",
            self.line,
            stderr.trim_end()
        )))
    }

    /// Runs it silently for at most `limit`; `None` means that it was still running and was killed.
    pub(crate) fn ends_well_within(mut self, limit: Duration) -> Outcome<Option<bool>> {
        self.announce();
        let mut child = self
            .command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context(&self.line)?;
        let until = Instant::now() + limit;
        while Instant::now() < until {
            if let Some(status) = child.try_wait()? {
                return Ok(Some(status.success()));
            }
            thread::sleep(Duration::from_millis(20));
        }
        child.kill()?;
        child.wait()?;
        Ok(None)
    }

    /// Starts it with piped stdin and stdout.
    pub(crate) fn start(mut self) -> Outcome<Child> {
        self.announce();
        self.command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context(&self.line)
    }

    fn announce(&self) {
        if !self.quiet {
            eprintln!("$ {}", self.line);
        }
    }
}

fn success(status: ExitStatus, line: &str) -> Outcome {
    if status.success() {
        Ok(())
    } else {
        Err(Fail::new(format!("`{line}` failed ({status})")))
    }
}
