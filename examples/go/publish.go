// Publishes over medusad: publish unix:/run/medusa/medusad.sock video.mp4 '{"youtube": {"title": "Hello"}}'
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	pb "medusa/v1"
)

func must(err error) {
	if err != nil {
		log.Fatal(status.Convert(err).Message())
	}
}

// watch shows a task until it has ended; when the daemon is away for a while, it goes on at the last revision seen.
func watch(medusa pb.MedusaServiceClient, task *pb.Task) *pb.Task {
	for {
		request := &pb.WatchTaskRequest{TaskId: task.Id, AfterRevision: task.Revision}
		stream, err := medusa.WatchTask(context.Background(), request)
		for reply := new(pb.WatchTaskResponse); err == nil; reply, err = stream.Recv() {
			if reply.Task != nil {
				task = reply.Task
				fmt.Fprintln(os.Stderr, task.Revision, task.Message)
			}
		}
		if code := status.Code(err); err == io.EOF {
			return task
		} else if code != codes.Unavailable && code != codes.Canceled {
			log.Fatal(err)
		}
		time.Sleep(time.Second)
	}
}

func main() {
	connection, err := grpc.Dial(os.Args[1], grpc.WithInsecure()) // off this machine: grpc.WithTransportCredentials
	must(err)
	medusa := pb.NewMedusaServiceClient(connection)
	request := new(pb.PublishRequest)
	must(protojson.Unmarshal([]byte(`{"metadata": `+os.Args[3]+`}`), request))
	request.Media = &pb.PublishRequest_MediaPath{MediaPath: os.Args[2]}
	for target := range request.Metadata.Fields {
		request.Targets = append(request.Targets, target)
	}
	reply, err := medusa.Publish(context.Background(), request)
	must(err)
	task := watch(medusa, reply.Task)
	fmt.Println(task.State, task.Results, task.Error)
}
