//! hyper's HTTP/1.1 server and client on real sockets, through `PollIo`.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use ringmesh::io::{HyperTimer, PollIo};
use ringmesh::net::{TcpListener, TcpStream};
use ringmesh::{JoinSet, time};

/// A body of `n` bytes that depends on `seed`.
fn body(n: usize, seed: usize) -> Bytes {
    (0..n)
        .map(|i| (i.wrapping_mul(31).wrapping_add(seed.wrapping_mul(7))) as u8)
        .collect()
}

/// `GET /<n>/<seed>` answers with a body; `POST` answers with what it got, reversed.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() == hyper::Method::POST {
        let mut bytes = request
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .to_vec();
        bytes.reverse();
        return Ok(Response::new(Full::new(bytes.into())));
    }
    let mut numbers = request
        .uri()
        .path()
        .split('/')
        .skip(1)
        .map(|n| n.parse::<usize>());
    match (numbers.next(), numbers.next()) {
        (Some(Ok(n)), Some(Ok(seed))) => {
            // The handler moves: it waits for a task that another shard may run.
            let bytes = ringmesh::spawn(async move { body(n, seed) }).await.unwrap();
            Ok(Response::new(Full::new(bytes)))
        }
        _ => {
            let mut response = Response::new(Full::default());
            *response.status_mut() = StatusCode::NOT_FOUND;
            Ok(response)
        }
    }
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    let mut incoming = listener.incoming();
    while let Some((stream, _)) = incoming.next().await? {
        stream.set_nodelay(true)?;
        ringmesh::spawn(async move {
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(HyperTimer)
                .header_read_timeout(Duration::from_secs(60));
            let _ = http
                .serve_connection(PollIo::new(stream), service_fn(answer))
                .await;
        });
    }
    Ok(())
}

async fn client(address: SocketAddr) -> hyper::client::conn::http1::SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = hyper::client::conn::http1::handshake(PollIo::new(stream))
        .await
        .unwrap();
    ringmesh::spawn(async move {
        let _ = connection.await;
    });
    sender
}

async fn send(
    sender: &mut hyper::client::conn::http1::SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> (StatusCode, Bytes) {
    // The connection's task may still be at the end of the last answer.
    sender.ready().await.unwrap();
    let response = sender.send_request(request).await.unwrap();
    let status = response.status();
    (
        status,
        response.into_body().collect().await.unwrap().to_bytes(),
    )
}

fn get(path: String) -> Request<Full<Bytes>> {
    Request::get(path)
        .header("host", "localhost")
        .body(Full::default())
        .unwrap()
}

#[ringmesh::test(shards = 2)]
async fn keep_alive_connections_get_every_byte() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = ringmesh::spawn(serve(listener));
    let mut clients = JoinSet::new();
    for c in 0..16 {
        clients.spawn(async move {
            let mut sender = client(address).await;
            for round in 0..30 {
                let n = [0, 1, 100, 8_192, 65_536, 300_000][(c + round) % 6];
                let (status, bytes) = send(&mut sender, get(format!("/{n}/{round}"))).await;
                assert_eq!(status, StatusCode::OK);
                assert!(
                    bytes == body(n, round),
                    "connection {c}, round {round}, {n} bytes"
                );
            }
            let (status, _) = send(&mut sender, get("/nothing".into())).await;
            assert_eq!(status, StatusCode::NOT_FOUND);
        });
    }
    time::timeout(Duration::from_secs(120), clients.join_all())
        .await
        .expect("it hangs");
    server.abort();
}

#[ringmesh::test(shards = 2)]
async fn large_uploads_arrive_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = ringmesh::spawn(serve(listener));
    let mut sender = client(address).await;
    for n in [10, 200_000, 3_000_000] {
        let sent = body(n, n);
        let request = Request::post("/")
            .header("host", "localhost")
            .body(Full::new(sent.clone()))
            .unwrap();
        let upload = time::timeout(Duration::from_secs(60), send(&mut sender, request));
        let (_, mut got) = upload
            .await
            .map(|(s, b)| (s, b.to_vec()))
            .expect("it hangs");
        got.reverse();
        assert!(got == sent, "{n} bytes");
    }
    server.abort();
}

#[ringmesh::test]
async fn a_client_that_says_nothing_is_timed_out_by_hypers_timer() {
    let (near, far) = ringmesh::net::UnixStream::pair().unwrap();
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(HyperTimer)
        .header_read_timeout(Duration::from_millis(20));
    let served = http
        .serve_connection(PollIo::new(near), service_fn(answer))
        .await;
    assert!(served.unwrap_err().is_timeout());
    let (n, _) = far.read(vec![0; 1_000]).await.unwrap();
    assert_eq!(n, 0, "and the connection is closed");
}

/// What hyper's own code does with an executor and a timer.
#[ringmesh::test(shards = 2)]
async fn executors_spawn_and_timers_reset() {
    use hyper::rt::{Executor as _, Timer as _};
    use ringmesh::io::{Executor, LocalExecutor};

    let (send, receive) = ringmesh::sync::oneshot::channel();
    Executor.execute(async move { send.send(7).unwrap() });
    assert_eq!(receive.await.unwrap(), 7);

    let (send, receive) = ringmesh::sync::oneshot::channel();
    let local = std::rc::Rc::new(8);
    LocalExecutor.execute(async move { send.send(*local).unwrap() });
    assert_eq!(receive.await.unwrap(), 8);

    let start = HyperTimer.now();
    let mut sleep = HyperTimer.sleep(Duration::from_secs(3_600));
    assert!(futures_lite::future::poll_once(&mut sleep).await.is_none());
    HyperTimer.reset(&mut sleep, start + Duration::from_millis(5));
    sleep.await;
    assert!(start.elapsed() >= Duration::from_millis(5), "never early");
    HyperTimer.sleep_until(start).await;
}
