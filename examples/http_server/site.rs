//! The site: its routes as a hyper service that does not know which runtime it runs on.
//!
//! | route | what it does |
//! |---|---|
//! | `/files/<name>` | reads a file of the site's directory |
//! | `/json/<id>` | makes a small document |
//! | `/cpu/<seed>/<rounds>` | spawns CPU work as a task that any shard may run, and awaits it |

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper::{Method, Request, Response, StatusCode};

use super::payload;

/// The most work that one request may ask for: about 10 ms.
const ROUNDS_MAX: u64 = 10_000_000;

/// What the site asks of the runtime under it.
pub trait Host: Clone + Send + Sync + 'static {
    /// Reads a whole file.
    fn read(&self, path: PathBuf) -> impl Future<Output = io::Result<Vec<u8>>> + Send;

    /// Runs `work` in a task of its own, which any thread of the runtime may take, and waits for its result.
    fn compute(
        &self,
        work: impl FnOnce() -> u64 + Send + 'static,
    ) -> impl Future<Output = io::Result<u64>> + Send;
}

/// The service; a clone serves another connection of the same site.
#[derive(Debug, Clone)]
pub struct Site<H> {
    host: H,
    directory: Arc<Path>,
    served: Arc<AtomicU64>,
    /// The request, counted from one, whose body gets a wrong byte; 0 for none.
    corrupted: u64,
}

impl<H: Host> Site<H> {
    /// A site over the files of `directory`.
    pub fn new(host: H, directory: &Path) -> Self {
        Site {
            host,
            directory: directory.into(),
            served: Arc::default(),
            corrupted: 0,
        }
    }

    /// Makes the `n`-th response wrong by one byte, so that a check of the bodies can be seen to fail.
    pub fn corrupt(mut self, n: u64) -> Self {
        self.corrupted = n;
        self
    }

    /// How many requests were answered.
    pub fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    async fn answer(self, method: Method, path: String) -> Response<Full<Bytes>> {
        let mut response = self.route(&method, &path).await;
        // Nobody reads the counter to learn what else happened, so it orders nothing.
        let number = self.served.fetch_add(1, Ordering::Relaxed) + 1;
        if number == self.corrupted {
            spoil(&mut response);
        }
        response
    }

    async fn route(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        if method != Method::GET {
            return plain(StatusCode::METHOD_NOT_ALLOWED, "only GET is served here\n");
        }
        let mut parts = path.trim_start_matches('/').split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(""), None, None, None) => plain(StatusCode::OK, HELP),
            (Some("files"), Some(name), None, None) => self.file(name).await,
            (Some("json"), Some(id), None, None) => document(id),
            (Some("cpu"), Some(seed), Some(rounds), None) => self.cpu(seed, rounds).await,
            _ => plain(StatusCode::NOT_FOUND, "no such route\n"),
        }
    }

    async fn file(&self, name: &str) -> Response<Full<Bytes>> {
        if name.starts_with('.') || name.contains('\0') {
            return plain(StatusCode::NOT_FOUND, "no such file\n");
        }
        match self.host.read(self.directory.join(name)).await {
            Ok(content) => respond(StatusCode::OK, "application/octet-stream", content),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                plain(StatusCode::NOT_FOUND, "no such file\n")
            }
            Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        }
    }

    async fn cpu(&self, seed: &str, rounds: &str) -> Response<Full<Bytes>> {
        let (Ok(seed), Ok(rounds)) = (seed.parse(), rounds.parse::<u64>()) else {
            return plain(StatusCode::BAD_REQUEST, "seed and rounds are numbers\n");
        };
        if rounds > ROUNDS_MAX {
            return plain(StatusCode::BAD_REQUEST, "too many rounds\n");
        }
        let work = move || payload::compute(seed, rounds);
        match self.host.compute(work).await {
            Ok(result) => plain(StatusCode::OK, format!("{result:016x}")),
            Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        }
    }
}

impl<H: Host> Service<Request<Incoming>> for Site<H> {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let site = self.clone();
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        Box::pin(async move { Ok(site.answer(method, path).await) })
    }
}

/// Writes the site's files into `directory`.
pub fn fill(directory: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    for &(name, size) in payload::FILES {
        std::fs::write(directory.join(name), payload::file(size))?;
    }
    Ok(())
}

fn document(id: &str) -> Response<Full<Bytes>> {
    match id.parse() {
        Ok(id) => respond(StatusCode::OK, "application/json", payload::json(id)),
        Err(_) => plain(StatusCode::BAD_REQUEST, "the id is a number\n"),
    }
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    respond(status, "text/plain; charset=utf-8", text)
}

fn respond(
    status: StatusCode,
    kind: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let response = Response::builder()
        .status(status)
        .header("content-type", kind);
    response
        .body(Full::new(body.into()))
        .expect("a status and a static header are valid")
}

/// Flips one bit in the middle of the body.
fn spoil(response: &mut Response<Full<Bytes>>) {
    use http_body_util::BodyExt;
    let body = std::mem::take(response.body_mut());
    // A `Full` body is ready at once, so one poll collects it.
    let collected = std::pin::pin!(body.collect());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    if let std::task::Poll::Ready(Ok(collected)) = collected.poll(&mut context) {
        let mut bytes = collected.to_bytes().to_vec();
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 1;
        }
        *response.body_mut() = Full::new(bytes.into());
    }
}

const HELP: &str = "/files/<name>  /json/<id>  /cpu/<seed>/<rounds>\n";
