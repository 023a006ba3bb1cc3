//! Examples to copy, each of them compiled and run as a test.
//!
//! | to …                                             | see                                     |
//! |--------------------------------------------------|-----------------------------------------|
//! | answer with a stream                             | [below](#a-stream-of-replies)           |
//! | take a stream of requests                        | [below](#a-stream-of-requests)          |
//! | refuse a request with the name of its field      | [below](#a-request-that-is-checked)     |
//! | tell of one error what a client can do about it  | [`Details`](crate::status::Details)     |
//! | work beside RPCs                                 | [`Tasks`](crate::Tasks)                 |
//! | end a stream in order when the service stops     | [`Tasks::until_stopping`](crate::Tasks::until_stopping) |
//! | have metrics of one's own                        | [`Setup::metrics`](crate::Setup::metrics) |
//! | be ready only while a database answers           | [`Setup::readiness_probe`](crate::Setup::readiness_probe) |
//! | put a layer or an interceptor around all RPCs    | [`Rpcs::layer`](crate::server::Rpcs::layer) |
//! | … or around one service                          | [`Rpcs`](crate::server::Rpcs)           |
//! | change a request before the chassis looks at it  | [`Rpcs::before`](crate::server::Rpcs::before) |
//! | have flags for an upstream, or for several       | [`Upstream`](crate::cli::Upstream)      |
//! | call a service on this machine, by a Unix socket | [`channel::Settings::host`](crate::channel::Settings::host) |
//! | call another service                             | [`channel`](crate::channel)             |
//!
//! # A stream of replies
//!
//! What is ready sooner than the client takes it has to wait, else a slow client fills the
//! memory. Behind a channel with room for a few the producer waits by itself. When the
//! client has gone, sending fails; when the service stops, the stream ends.
//!
//! ```
//! use chassis::{Tasks, context::Context};
//! use tokio::sync::mpsc;
//! use tonic::{
//!     Request, Response, Status,
//!     codegen::{BoxStream, tokio_stream::wrappers::ReceiverStream},
//! };
//! # struct PricesRequest { from: u64 }
//! # #[derive(Debug, PartialEq)]
//! # struct Price { cents: u64 }
//! # use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
//! # static MADE: AtomicUsize = AtomicUsize::new(0);
//!
//! struct Rpc {
//!     tasks: Tasks,
//! }
//!
//! impl Rpc {
//!     async fn prices(
//!         &self,
//!         request: Request<PricesRequest>,
//!     ) -> Result<Response<BoxStream<Price>>, Status> {
//!         let PricesRequest { from } = request.into_inner();
//!         let (prices, sent) = mpsc::channel(8);
//!         // Its log lines and calls belong to this RPC as well.
//!         let producer = Context::current().scope(async move {
//!             for cents in from.. {
//! #               MADE.fetch_add(1, Relaxed);
//!                 if prices.send(Ok(Price { cents })).await.is_err() {
//!                     return;
//!                 }
//!             }
//!         });
//!         tokio::spawn(producer);
//!         let sent = self.tasks.until_stopping(ReceiverStream::new(sent));
//!         Ok(Response::new(Box::pin(sent)))
//!     }
//! }
//! # use tonic::codegen::tokio_stream::StreamExt;
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(async {
//! #     let rpc = Rpc { tasks: chassis::lifecycle::Lifecycle::new().tasks().clone() };
//! #     let response = rpc.prices(Request::new(PricesRequest { from: 7 })).await.unwrap();
//! #     let mut prices = response.into_inner();
//! #     tokio::task::yield_now().await;
//! #     // Those that there is room for, and the one that waits.
//! #     assert_eq!(MADE.load(Relaxed), 9);
//! #     for cents in 7..100 {
//! #         assert_eq!(prices.next().await.unwrap().unwrap(), Price { cents });
//! #     }
//! # });
//! ```
//!
//! # A stream of requests
//!
//! A message has a limit of its own, [`MAX_MESSAGE_SIZE`](crate::server::limits::MAX_MESSAGE_SIZE);
//! how many there may be only the handler knows.
//!
//! ```
//! use tonic::{Request, Response, Status, Streaming};
//! # #[derive(Clone, PartialEq, prost::Message)]
//! # struct Item { #[prost(uint64, tag = "1")] cents: u64 }
//! # #[derive(Debug, PartialEq)]
//! # struct Receipt { cents: u64 }
//!
//! const MAX_ITEMS: usize = 1000;
//!
//! async fn buy(request: Request<Streaming<Item>>) -> Result<Response<Receipt>, Status> {
//!     let mut items = request.into_inner();
//!     let (mut count, mut cents) = (0, 0);
//!     while let Some(item) = items.message().await? {
//!         count += 1;
//!         if count > MAX_ITEMS {
//!             return Err(Status::out_of_range(format!("more than {MAX_ITEMS} items")));
//!         }
//!         cents += item.cents;
//!     }
//!     Ok(Response::new(Receipt { cents }))
//! }
//! # use tonic::{Code, codec::{Codec, EncodeBody}, codegen::tokio_stream};
//! # async fn buying(count: usize) -> Result<Receipt, Status> {
//! #     let mut codec = tonic_prost::ProstCodec::<Item, Item>::default();
//! #     let items = tokio_stream::iter((0..count).map(|_| Ok(Item { cents: 2 })));
//! #     let body = EncodeBody::new_client(codec.encoder(), items, None, None);
//! #     let items = Streaming::new_request(codec.decoder(), body, None, None);
//! #     Ok(buy(Request::new(items)).await?.into_inner())
//! # }
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(async {
//! #     assert_eq!(buying(1000).await.unwrap(), Receipt { cents: 2000 });
//! #     assert_eq!(buying(1001).await.unwrap_err().code(), Code::OutOfRange);
//! # });
//! ```
//!
//! # A request that is checked
//!
//! What the core works with is made of the message in one place, which finds everything
//! that is wrong at once: a person who fills in a form wants to know all of it.
//!
//! ```
//! use chassis::status::Details;
//! use tonic::{Code, Status};
//! # #[derive(Default)]
//! # struct OrderRequest { title: String, count: u32 }
//!
//! /// An order, as the core knows it.
//! #[derive(Debug)]
//! struct Order {
//!     title: String,
//!     count: u32,
//! }
//!
//! impl TryFrom<OrderRequest> for Order {
//!     type Error = Status;
//!
//!     fn try_from(OrderRequest { title, count }: OrderRequest) -> Result<Self, Status> {
//!         let mut details = Details::new();
//!         if title.is_empty() {
//!             details = details.violation("title", "is missing");
//!         }
//!         if !(1..=100).contains(&count) {
//!             details = details.violation("count", "has to be from 1 to 100");
//!         }
//!         if details.violations.is_empty() {
//!             Ok(Self { title, count })
//!         } else {
//!             Err(details.status(Code::InvalidArgument, "the order is not complete"))
//!         }
//!     }
//! }
//!
//! let status = Order::try_from(OrderRequest::default()).unwrap_err();
//! let violations = Details::of(&status).violations;
//! let fields: Vec<_> = violations.iter().map(|it| &*it.field).collect();
//! assert_eq!(fields, ["title", "count"]);
//! ```
