//! Limits of HTTP/2 itself, and peers that exceed them.

use chassis::testing::http2::{
    self, CONTINUATION, DATA, END_STREAM, ENHANCE_YOUR_CALM, GOAWAY, HEADERS, REFUSED_STREAM,
    RST_STREAM, Raw, SETTINGS, WINDOW_UPDATE, frame, header, headers,
};

use tokio::io::AsyncWriteExt;

use crate::support::{UNARY, echo, echo_reply, echo_request, request, running, stub};

#[tokio::test]
async fn the_settings_announce_streams_windows_and_header_list() {
    let service = running(&[]);
    let mut client = Raw::greet(&service.address()).await;
    let settings = client.wait_for(SETTINGS).await.settings();
    assert_eq!(settings[&3], 100, "MAX_CONCURRENT_STREAMS");
    assert_eq!(settings[&4], 64 * 1024, "INITIAL_WINDOW_SIZE");
    assert_eq!(settings[&6], 16 * 1024, "MAX_HEADER_LIST_SIZE");
    let update = client.wait_for(WINDOW_UPDATE).await;
    assert_eq!(update.stream, 0);
    assert_eq!(update.number(), 1024 * 1024 - 65_535);
}

#[tokio::test]
async fn the_stream_after_the_last_one_allowed_is_refused() {
    let service = running(&[]);
    let mut client = Raw::greet(&service.address()).await;
    for n in 0..101 {
        client.begin(2 * n + 1, UNARY).await;
    }
    let reset = client.wait_for(RST_STREAM).await;
    assert_eq!((reset.stream, reset.number()), (201, REFUSED_STREAM));
    client.end(1, &echo_request("first")).await;
    let answer = client.wait_for(DATA).await;
    assert_eq!((answer.stream, answer.payload), (1, echo_reply("first")));
}

/// Sends what `attack` makes for one stream after the other, until GOAWAY comes.
async fn goaway_after(attack: impl Fn(u32) -> Vec<u8>, streams: u32) -> u32 {
    let service = running(&[]);
    let mut client = Raw::greet(&service.address()).await;
    client.wait_for(SETTINGS).await;
    let flood: Vec<_> = (0..streams).flat_map(|n| attack(2 * n + 1)).collect();
    client.send(&flood).await;
    let code = client.wait_for(GOAWAY).await.number();
    client.rest().await;
    assert_eq!(echo(&service.address(), "others").await.unwrap(), "others");
    code
}

#[tokio::test]
async fn a_flood_of_requests_taken_back_ends_the_connection() {
    // Rapid reset, CVE-2023-44487.
    let attack = |stream| {
        let mut bytes = headers(stream, &http2::request(UNARY));
        bytes.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
        bytes
    };
    assert_eq!(goaway_after(attack, 500).await, ENHANCE_YOUR_CALM);
}

#[tokio::test]
async fn a_flood_of_requests_to_be_reset_ends_the_connection() {
    // MadeYouReset, CVE-2025-8671: a window that overflows is an error of the stream.
    let attack = |stream| {
        let mut bytes = headers(stream, &http2::request(UNARY));
        bytes.extend(frame(
            WINDOW_UPDATE,
            0,
            stream,
            &0x7FFF_FFFF_u32.to_be_bytes(),
        ));
        bytes
    };
    assert_eq!(goaway_after(attack, 2000).await, ENHANCE_YOUR_CALM);
}

#[tokio::test]
async fn a_flood_of_continuations_ends_the_connection() {
    // CVE-2024-27316: headers without an end.
    let attack = |_| {
        let mut bytes = frame(HEADERS, 0, 1, &http2::request(UNARY));
        for _ in 0..1000 {
            bytes.extend(frame(
                CONTINUATION,
                0,
                1,
                &header("x-flood", &"x".repeat(1000)),
            ));
        }
        bytes
    };
    assert_eq!(goaway_after(attack, 1).await, ENHANCE_YOUR_CALM);
}

#[tokio::test]
async fn metadata_over_the_limit_fails_and_the_connection_lives_on() {
    // Over the limit, and far over what is read.
    for size in [17_000, 160_000] {
        let service = running(&[]);
        let mut client = Raw::greet(&service.address()).await;
        let mut block = http2::request(UNARY);
        block.extend(header("x-large", &"x".repeat(size)));
        client.send(&headers(1, &block)).await;
        let answer = client.wait_for(HEADERS).await;
        assert_eq!(answer.stream, 1);
        assert_ne!(answer.flags & END_STREAM, 0, "an error has no body");

        client.begin(3, UNARY).await;
        client.end(3, &echo_request("next")).await;
        let answer = client.wait_for(DATA).await;
        assert_eq!((answer.stream, answer.payload), (3, echo_reply("next")));
    }
}

#[tokio::test]
async fn metadata_below_the_limit_is_fine() {
    let service = running(&[]);
    let mut request = request("reply");
    let large = "x".repeat(15_000).parse().unwrap();
    request.metadata_mut().insert("x-large", large);
    let mut stub = stub(&service.address()).await;
    stub.unary(request).await.unwrap();
}

#[tokio::test]
async fn who_goes_on_sending_when_the_connection_ends_is_not_reset() {
    let service = running(&[]);
    let mut client = Raw::greet(&service.address()).await;
    // No frame of data is of stream 0. The others are unread when the connection ends.
    let frames = vec![frame(DATA, 0, 0, &[7; 1024]); 100].concat();
    client.send(&frames).await;
    let last = client.wait_for(GOAWAY).await;
    assert_eq!(last.number(), http2::PROTOCOL_ERROR);
    assert!(client.rest().await.is_empty());
    // A reset would have arrived before the second at the latest.
    client.0.write_all(&frames).await.unwrap();
    client.0.write_all(&frames).await.unwrap();
}
