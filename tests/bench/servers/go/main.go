// The smallest possible server on grpc-go. Takes its port.
//
// A StringValue is on the wire what Hello's messages are, so that no code needs to be generated.
package main

import (
	"context"
	"log"
	"net"
	"os"

	"github.com/golang/protobuf/ptypes/wrappers"
	"google.golang.org/grpc"
)

type echo interface {
	hello(context.Context, *wrappers.StringValue) (*wrappers.StringValue, error)
}

type server struct{}

func (server) hello(_ context.Context, message *wrappers.StringValue) (*wrappers.StringValue, error) {
	return message, nil
}

func handle(service interface{}, ctx context.Context, decode func(interface{}) error, _ grpc.UnaryServerInterceptor) (interface{}, error) {
	message := new(wrappers.StringValue)
	if err := decode(message); err != nil {
		return nil, err
	}
	return service.(echo).hello(ctx, message)
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	s := grpc.NewServer()
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: "bench.v1.EchoService",
		HandlerType: (*echo)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Hello", Handler: handle}},
	}, server{})
	log.Fatal(s.Serve(listener))
}
