//! The life of one connection: TLS handshake, greeting, HTTP/2, end.

use std::{
    future::{pending, poll_fn},
    ops::ControlFlow,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use hyper::{Request, body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{BufReader, join},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tonic::transport::server::Connected;
use tracing::{debug, warn};

#[cfg(not(feature = "web"))]
use super::handler::Handler;
#[cfg(feature = "web")]
use super::web::Web as Handler;
use super::{
    announce::announce,
    batch::{Batches, Patience},
    greeting::{PREFACE, Rejected, expect_preface},
    http1,
    idle::Activity,
    limits::{
        CONNECTION_WINDOW, Limits, MAX_LOCAL_RESETS, MAX_PENDING_RESETS, MAX_STREAMS, STREAM_WINDOW,
    },
    linger::linger,
    listeners::Socket,
    memory::{Holdings, Memory},
    peer::Peer,
    request::RequestBody,
    shares::{Account, Shares},
};
use crate::{
    io::{Ahead, Cork, Io, Parting},
    jitter::jittered,
    remote::Remote,
    telemetry::{metrics::Metrics, quota},
    tls::Identity,
    turns::Turns,
};

/// Room for how clients begin: the preface, SETTINGS, WINDOW_UPDATE.
const GREETING: usize = 256;

/// How long a connection may take to say goodbye that isn't used.
const GOODBYE: Duration = Duration::from_millis(250);

/// What all connections are told when the service stops.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    /// Go on.
    Serve,
    /// Take no new RPCs, finish those in flight.
    Drain,
    /// End now.
    Close,
}

/// What one connection is told to do.
enum Command {
    /// Say goodbye: take no new RPCs, finish those in flight.
    Leave(Reason),
    /// End now.
    Close,
    /// End now, and say nothing of it: nobody uses it.
    End,
}

/// Why to say goodbye.
#[derive(Clone, Copy)]
enum Reason {
    Age,
    Idle,
    Stop,
}

/// What all connections share.
pub(super) struct Connections {
    pub(super) limits: Limits,
    pub(super) tls: Option<watch::Receiver<Identity>>,
    pub(super) handler: Arc<Handler>,
    pub(super) shares: Arc<Shares>,
    pub(super) memory: Arc<Memory>,
    /// For handshakes, each of which takes a core for a while.
    pub(super) turns: Turns,
    pub(super) metrics: Arc<Metrics>,
    pub(super) phase: watch::Receiver<Phase>,
}

pub(super) type Reader = BufReader<Box<dyn Io>>;

impl Connections {
    /// The account of a new connection with `remote`, unless it has enough of them.
    pub(super) fn admit(&self, remote: Remote) -> Option<Arc<Account>> {
        let account = self.shares.open(remote);
        let Some(most) = self.limits.max_per_address else {
            return Some(account);
        };
        if account.connections() <= most as usize {
            return Some(account);
        }
        self.metrics.accepted();
        self.reject(&Rejected::Crowd(most), remote);
        None
    }

    /// Serves one connection until either side closes it.
    pub(super) async fn serve(
        &self,
        socket: Socket,
        remote: Remote,
        account: Arc<Account>,
        activity: &Arc<Activity>,
    ) {
        let _open = self.metrics.accepted();
        let limit = self.limits.handshake_timeout;
        let mut phase = self.phase.clone();
        // In a box, since a connection is as large as its task, for all its life.
        let establishing = Box::pin(self.establish(socket, remote));
        let established = tokio::select! {
            established = timeout(limit, establishing) => established,
            () = activity.gives_way() => Ok(Err(Rejected::GaveWay)),
            _ = phase.wait_for(|phase| *phase != Phase::Serve) => return,
        };
        match established.unwrap_or(Err(Rejected::Late(limit))) {
            Ok((io, peer)) => self.serve_http2(io, peer, &account, activity).await,
            Err(rejected) => self.reject(&rejected, remote),
        }
    }

    fn reject(&self, rejected: &Rejected, remote: Remote) {
        self.metrics.rejected(rejected.label());
        match rejected {
            // A probe of the port, as load balancers make, is nothing to warn about; nor is
            // who was told so; and of a crowd there would be too much to say.
            Rejected::Silent
            | Rejected::Io(_)
            | Rejected::Http1(_)
            | Rejected::Crowd(_)
            | Rejected::GaveWay => {
                debug!(peer = %remote, "Connection closed: {rejected}");
            }
            _ if quota::allows(rejected.label()) => {
                warn!(peer = %remote, "Connection closed: {rejected}");
            }
            _ => debug!(peer = %remote, "Connection closed: {rejected}"),
        }
    }

    async fn establish(&self, socket: Socket, remote: Remote) -> Result<(Reader, Peer), Rejected> {
        let (io, peer): (Box<dyn Io>, _) = match (socket, &self.tls) {
            (Socket::Unix(unix), _) => {
                let peer = Peer::unix(remote, unix.connect_info());
                (Box::new(unix), peer)
            }
            (Socket::Tcp(tcp), None) => {
                // Replies leave in one write each; to hold them back would only delay them.
                tcp.set_nodelay(true)?;
                let peer = Peer::tcp(remote, tcp.connect_info());
                (Box::new(tcp), peer)
            }
            (Socket::Tcp(tcp), Some(identity)) => {
                tcp.set_nodelay(true)?;
                // Closed without a byte, it is a probe of the port and no failed handshake.
                if tcp.peek(&mut [0]).await? == 0 {
                    return Err(Rejected::Silent);
                }
                let config = identity.borrow().config.clone();
                // rustls reads 4 KiB at a time.
                let tcp = Ahead::new(Vec::new(), tcp);
                let handshake = TlsAcceptor::from(config).accept(tcp);
                let tls = self.turns.run(handshake).await.map_err(Rejected::Tls)?;
                let peer = Peer::tls(remote, tls.connect_info());
                (Box::new(tls), peer)
            }
        };
        let mut reader = BufReader::with_capacity(GREETING, io);
        let greeted = expect_preface(&mut reader).await;
        if let Err(Rejected::Http1(line)) = &greeted {
            http1::decline(line, &mut reader).await?;
        }
        greeted.map(|()| (reader, peer))
    }

    pub(super) async fn serve_http2(
        &self,
        reader: Reader,
        peer: Peer,
        account: &Arc<Account>,
        activity: &Arc<Activity>,
    ) {
        let max_metadata = self.limits.max_metadata_size;
        let greeting = [PREFACE, reader.buffer()].concat();
        let mut io = Cork::new(greeting.into(), reader.into_inner())
            .amending(move |settings| announce(settings, max_metadata));
        let speaking = self.speak_http2(io.clone(), &peer, account, activity);
        if speaking.await.is_continue() {
            let mut phase = self.phase.clone();
            tokio::select! {
                () = linger(&mut io) => {}
                () = activity.gives_way() => {}
                _ = phase.wait_for(|phase| *phase == Phase::Close) => {}
            }
        }
    }

    /// Breaks where the connection is to be closed as it is.
    async fn speak_http2(
        &self,
        cork: Cork<Box<dyn Io>>,
        peer: &Peer,
        account: &Arc<Account>,
        activity: &Arc<Activity>,
    ) -> ControlFlow<()> {
        let patience = Patience {
            response: self.limits.request_timeout,
            connection: self.limits.keepalive_timeout,
        };
        let holdings = self.memory.open();
        let mut batches = Batches::new(cork.clone(), activity.clone(), holdings.clone(), patience);
        let begun = batches.executor();
        let service = service_fn(|request: Request<Incoming>| {
            let flight = begun.begin();
            // So that whatever drops it leaves it to be read.
            let request = request.map(|body| RequestBody::new(body, flight.clone()));
            self.handler.handle(peer, account, flight, request)
        });
        let read = Parting::new(PREFACE.len(), cork.clone());
        let connection = http2::Builder::new(batches.executor())
            .timer(TokioTimer::new())
            .auto_date_header(false)
            .max_concurrent_streams(MAX_STREAMS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(self.limits.metadata_read())
            .max_local_error_reset_streams(MAX_LOCAL_RESETS)
            .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
            .keep_alive_interval(self.limits.keepalive_interval)
            .keep_alive_timeout(self.limits.keepalive_timeout)
            .serve_connection(TokioIo::new(join(read, cork)), service);
        let mut connection = pin!(connection);
        // In a task, since a connection is polled for each RPC, and this would have to be
        // polled along with it; in one at a time, since each connection has it.
        let mut command = JoinSet::new();
        command.spawn(self.leave(activity.clone(), holdings.clone()));
        let end = loop {
            tokio::select! {
                biased;
                end = poll_fn(|cx| batches.poll(connection.as_mut(), cx)) => break end,
                Some(Ok(told)) = command.join_next() => match told {
                    Command::Leave(reason) => {
                        connection.as_mut().graceful_shutdown();
                        command.spawn(self.end(reason, activity.clone(), holdings.clone()));
                    }
                    Command::End => {
                        debug!(peer = %peer.remote, "Connection closed: it was idle");
                        return ControlFlow::Break(());
                    }
                    Command::Close => {
                        if quota::allows("force") {
                            warn!(peer = %peer.remote, "Connection closed by force");
                        }
                        return ControlFlow::Break(());
                    }
                }
            }
        };
        match end {
            Ok(()) => debug!(peer = %peer.remote, "Connection closed"),
            Err(reason) => debug!(peer = %peer.remote, "Connection closed: {reason}"),
        }
        ControlFlow::Continue(())
    }

    /// The first command: to leave, when the connection is old or idle or the service stops,
    /// or to close, where its peer takes nothing.
    fn leave(
        &self,
        activity: Arc<Activity>,
        holdings: Arc<Holdings>,
    ) -> impl Future<Output = Command> + use<> {
        // ± 10 %: gRFC A9.
        let age = jittered(self.limits.connection_age, 0.1);
        let idle = self.limits.connection_idle;
        let patience = self.patience();
        let mut stopping = self.phase.clone();
        async move {
            tokio::select! {
                () = sleep(age) => Command::Leave(Reason::Age),
                () = activity.idle_for(idle) => Command::Leave(Reason::Idle),
                () = activity.gives_way() => Command::Leave(Reason::Idle),
                () = holdings.stuck(patience) => Command::Close,
                // Fails where the server is gone, which is as good a reason.
                _ = stopping.wait_for(|phase| *phase != Phase::Serve) => Command::Leave(Reason::Stop),
            }
        }
    }

    /// The command to end a connection that was told to leave, and doesn't.
    fn end(
        &self,
        reason: Reason,
        activity: Arc<Activity>,
        holdings: Arc<Holdings>,
    ) -> impl Future<Output = Command> + use<> {
        let grace = self.limits.connection_age_grace;
        let patience = self.patience();
        let mut closing = self.phase.clone();
        let overdue = async move {
            match reason {
                // The drain has a timeout for all.
                Reason::Stop => pending().await,
                Reason::Age => sleep(grace).await,
                Reason::Idle => {
                    sleep(GOODBYE).await;
                    if activity.is_idle() {
                        return Command::End;
                    }
                    // There was one more RPC on its way.
                    sleep(grace).await;
                }
            }
            Command::Close
        };
        async move {
            tokio::select! {
                command = overdue => command,
                () = holdings.stuck(patience) => Command::Close,
                _ = closing.wait_for(|phase| *phase == Phase::Close) => Command::Close,
            }
        }
    }

    /// How long a peer may take nothing of what is held for it. Responses that wait for room in
    /// time are reset before this.
    fn patience(&self) -> Duration {
        3 * self.limits.request_timeout
    }
}
