package gateway

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/worklist"
)

// Role is what a client is.
type Role string

// The roles of the configuration.
const (
	RoleSender     Role = "sender"
	RoleLinkWorker Role = "link-worker"
	RolePractice   Role = "practice"
	RoleOperator   Role = "operator"
	RoleReceiver   Role = "receiver"
)

// Client is one caller with a bearer token (RFC 6750), of which only the hash
// is known here.
type Client struct {
	Name           string
	TokenSHA256    string // 64 hex digits
	Role           Role
	Senders        []string // which /intake/{sender} it may use
	Channels       []string // of which channels it may acknowledge what it received
	OrganizationID string   // id of its Organization resource
	Lenient        bool     // what breaks a profile is flagged, not refused
	Content        bool     // may read what messages and deliveries hold of patients
}

// authenticator finds the client of a token.
type authenticator struct {
	byHash map[[32]byte]*Client
}

func newAuthenticator(clients []Client) (*authenticator, error) {
	a := &authenticator{byHash: map[[32]byte]*Client{}}
	for i := range clients {
		h, err := hex.DecodeString(clients[i].TokenSHA256)
		if err != nil || len(h) != sha256.Size {
			return nil, fmt.Errorf("client %q: token_sha256 is not 64 hexadecimal digits", clients[i].Name)
		}
		if other := a.byHash[[32]byte(h)]; other != nil {
			return nil, fmt.Errorf("clients %q and %q share a token", other.Name, clients[i].Name)
		}
		a.byHash[[32]byte(h)] = &clients[i]
	}
	return a, nil
}

// find returns the client of an Authorization header. The look-up is by the
// hash of the token, so its time says nothing about the tokens there are.
func (a *authenticator) find(header string) *Client {
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || len(token) > 4096 {
		return nil
	}
	h := sha256.Sum256([]byte(strings.TrimSpace(token)))
	c := a.byHash[h]
	if c == nil {
		return nil
	}
	want, _ := hex.DecodeString(c.TokenSHA256)
	if subtle.ConstantTimeCompare(h[:], want) != 1 {
		return nil
	}
	return c
}

const clientKey = "client"

// authenticate lets in known clients; without any configured, the listener is
// loopback and everyone there is trusted.
func (g *Gateway) authenticate(c *gin.Context) {
	auth := g.auth.Load()
	if len(auth.byHash) == 0 {
		return
	}
	client := auth.find(c.GetHeader("Authorization"))
	if client == nil {
		g.fail(c, fault.New(fault.Unauthenticated, "", "a bearer token of a configured client is required"))
		return
	}
	c.Set(clientKey, client)
}

// near guards a house without clients, where being on this machine is all the
// trust there is. A web page of elsewhere can make the browser of this machine
// call, so what names another host is refused: by Host after a name was bound
// anew (DNS rebinding), by Origin when the page posts from its own site.
func (g *Gateway) near(c *gin.Context) {
	if len(g.auth.Load().byHash) != 0 {
		return
	}
	if !loopback(c.Request.Host) {
		g.fail(c, fault.New(fault.Forbidden, "Host", "without configured clients only requests to localhost or a loopback address are served"))
		return
	}
	for _, origin := range c.Request.Header.Values("Origin") {
		if u, err := url.Parse(origin); err != nil || !loopback(u.Host) {
			g.fail(c, fault.New(fault.Forbidden, "Origin", "without configured clients pages of other hosts are not served"))
			return
		}
	}
}

// loopback reports whether a host, with or without a port, is this machine.
// Names but localhost are not resolved: what they mean may change.
func loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

func clientOf(c *gin.Context) *Client {
	v, _ := c.Get(clientKey)
	client, _ := v.(*Client)
	return client
}

// caller is the client in the words of the worklist.
func caller(c *gin.Context) worklist.Caller {
	client := clientOf(c)
	if client == nil {
		return worklist.Caller{Name: "loopback", Trusted: true}
	}
	return worklist.Caller{
		Name:         client.Name,
		LinkWorker:   client.Role == RoleLinkWorker,
		Practice:     client.Role == RolePractice,
		Organization: client.OrganizationID,
	}
}

// maySend reports whether the caller may submit as the sender.
func maySend(c *gin.Context, sender string) bool {
	client := clientOf(c)
	return client == nil || slices.Contains(client.Senders, sender)
}

// operator guards the administrator's routes.
func (g *Gateway) operator(c *gin.Context) {
	if client := clientOf(c); client != nil && client.Role != RoleOperator {
		g.fail(c, fault.New(fault.Forbidden, "", "the role operator is required"))
	}
}

// acknowledger guards what the receivers of channels say about what they got:
// each speaks for its own channels only.
func (g *Gateway) acknowledger(c *gin.Context) {
	client := clientOf(c)
	if client == nil || client.Role == RoleOperator || client.Role == RoleReceiver && slices.Contains(client.Channels, c.Param("channel")) {
		return
	}
	g.fail(c, fault.New(fault.Forbidden, "", "the role operator, or receiver of this channel, is required"))
}

// reader guards the FHIR routes: a sender sends, and an operator operates;
// neither reads about people.
func (g *Gateway) reader(c *gin.Context) {
	if client := clientOf(c); client != nil && client.Role != RoleLinkWorker && client.Role != RolePractice {
		g.fail(c, fault.New(fault.Forbidden, "", "the role link-worker or practice is required"))
	}
}

// follower guards the timeline of a referral, which holds no patient data.
func (g *Gateway) follower(c *gin.Context) {
	if client := clientOf(c); client != nil && (client.Role == RoleSender || client.Role == RoleReceiver) {
		g.fail(c, fault.New(fault.Forbidden, "", "the role link-worker, practice or operator is required"))
	}
}
