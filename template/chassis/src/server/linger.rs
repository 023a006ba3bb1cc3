//! The end of a connection whose client may still be sending. Closed with something
//! unread, TCP would take back what was sent last: the answers in flight, and the
//! GOAWAY that says which calls may be made anew (RFC 9112, section 9.6, on the same).

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, sink},
    time::timeout,
};

use super::limits::CONNECTION_WINDOW;

/// How long, and for how many bytes, is read what is on its way.
const TIME: Duration = Duration::from_secs(1);
const BYTES: u64 = 2 * CONNECTION_WINDOW as u64;

/// Says that nothing more comes, and reads until the peer says so, too.
pub(super) async fn linger(io: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let closing = async {
        // Fails where it has been said, or where there is no peer any more.
        let _ = io.shutdown().await;
        copy(&mut io.take(BYTES), &mut sink()).await
    };
    let _ = timeout(TIME, closing).await;
}

#[cfg(test)]
mod tests {
    use tokio::{io::duplex, time::Instant};

    use super::*;

    #[tokio::test]
    async fn reads_until_its_peer_has_said_all() {
        let (mut client, mut server) = duplex(10);
        let peer = async {
            client.write_all(&[7; 1000]).await.unwrap();
            assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
            client.shutdown().await.unwrap();
        };
        tokio::join!(peer, linger(&mut server));
    }

    #[tokio::test]
    async fn a_peer_that_says_nothing_is_not_waited_for() {
        let (_client, mut server) = duplex(10);
        let began = Instant::now();
        linger(&mut server).await;
        assert!(began.elapsed() >= TIME);
    }

    #[tokio::test]
    async fn nor_is_one_that_never_ends() {
        let (mut client, mut server) = duplex(64 * 1024);
        let peer = async {
            let mut sent = 0;
            while let Ok(n) = client.write(&[7; 8 * 1024]).await {
                sent += n as u64;
                tokio::task::yield_now().await;
            }
            sent
        };
        let all = async {
            linger(&mut server).await;
            drop(server);
        };
        let (sent, ()) = tokio::join!(peer, all);
        assert!(sent <= BYTES + 128 * 1024, "{sent}");
    }
}
