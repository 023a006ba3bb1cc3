//! A client that is made by h2 alone: it sends what it is told, and reads what comes of it.

use chassis::testing::http2::prefixed;
use h2::client::SendRequest;
use hyper::{HeaderMap, Method, Request, body::Bytes};
use tokio::net::TcpStream;
use tonic::{Code, Status};

use super::{InProcess, UNARY, echo_reply, echo_request};

pub const GRPC: (&str, &str) = ("content-type", "application/grpc");

/// What came of a request of any kind.
#[derive(Debug)]
pub struct Received {
    pub http: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub trailers: Option<HeaderMap>,
}

/// What came of a request of gRPC.
#[derive(Debug)]
pub struct Answer {
    http: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    status: Status,
}

impl Answer {
    /// HTTP's status and gRPC's.
    pub fn codes(&self) -> (u16, Code) {
        (self.http, self.status.code())
    }

    pub fn message(&self) -> &str {
        self.status.message()
    }
}

/// A connection on which all of the requests of a test go.
pub struct Client(pub SendRequest<Bytes>);

impl Client {
    pub async fn of(server: &InProcess) -> Self {
        let tcp = TcpStream::connect(server.address).await.unwrap();
        let (client, connection) = h2::client::handshake(tcp).await.unwrap();
        tokio::spawn(connection);
        Self(client)
    }

    /// What is answered to a request of gRPC with these fields and these DATA frames.
    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        frames: &[&[u8]],
    ) -> Answer {
        let fields = [&[("te", "trailers")], fields].concat();
        let received = self.send(method, path, &fields, frames).await;
        let status = received.trailers.as_ref().unwrap_or(&received.headers);
        Answer {
            http: received.http,
            status: Status::from_header_map(status).expect("a gRPC status"),
            headers: received.headers,
            body: received.body,
        }
    }

    /// The same for a request of any kind.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        frames: &[&[u8]],
    ) -> Received {
        let request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(format!("http://localhost{path}"));
        let request = fields.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        let mut client = self.0.clone().ready().await.unwrap();
        let (response, mut body) = client
            .send_request(request.body(()).unwrap(), frames.is_empty())
            .unwrap();
        for (n, frame) in frames.iter().enumerate() {
            // Refused already, the rest of it is of no interest to anybody.
            let last = n + 1 == frames.len();
            let _ = body.send_data(Bytes::copy_from_slice(frame), last);
        }
        let (head, mut data) = response.await.unwrap().into_parts();
        let mut body = Vec::new();
        while let Some(chunk) = data.data().await {
            body.extend(chunk.unwrap());
        }
        Received {
            http: head.status.as_u16(),
            headers: head.headers,
            body,
            trailers: data.trailers().await.unwrap(),
        }
    }

    /// What is answered to a call that is as it should be but for these fields.
    pub async fn call(&self, path: &str, fields: &[(&str, &str)], frames: &[&[u8]]) -> Answer {
        self.ask("POST", path, &[&[GRPC], fields].concat(), frames)
            .await
    }

    /// Fails where the connection doesn't go on to serve.
    pub async fn goes_on(&self) {
        let request = prefixed(&echo_request("next"));
        let answer = self.call(UNARY, &[], &[&request]).await;
        assert_eq!(answer.codes(), (200, Code::Ok), "{answer:?}");
        assert_eq!(answer.body, echo_reply("next"));
    }
}
