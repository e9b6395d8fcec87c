package main

import (
	"crypto/x509"
	"fmt"
	"mime"
	"net"
	"os/user"
	"time"
)

func main() {
	pool, err := x509.SystemCertPool()
	fmt.Println(len(pool.Subjects()) > 100, err)
	zone, err := time.LoadLocation("Asia/Tokyo")
	fmt.Println(time.Unix(1700000000, 0).In(zone), err)
	fmt.Println(mime.TypeByExtension(".odt"))
	who, err := user.LookupId("65534")
	fmt.Println(who.Username, err)
	_, err = net.LookupHost("localhost")
	fmt.Println(err)
	port, err := net.LookupPort("tcp", "imaps")
	fmt.Println(port, err)
}
