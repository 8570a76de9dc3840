package gateway

import (
	"errors"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/fault"
)

// Content is what messages and deliveries hold of patients: messages as they came
// with their answers, what leaves, what peers answered, and letters. An operator
// sees it who has that right, when it is asked for, and each look is in the audit
// trail; states and reasons, by which the work is done, hold none of it.

// wantsContent reads whether content is asked for.
func wantsContent(c *gin.Context) (bool, error) {
	return truth(c, "content")
}

// truth is a parameter that is true, false or left out.
func truth(c *gin.Context, name string) (bool, error) {
	switch c.Query(name) {
	case "true":
		return true, nil
	case "", "false":
		return false, nil
	}
	return false, fault.New(fault.Malformed, name, "true or false is expected")
}

// mayReadContent refuses who has not the right, and writes down that they tried.
func (g *Gateway) mayReadContent(c *gin.Context, action, entity string) error {
	client := clientOf(c)
	if client == nil || client.Content {
		return nil
	}
	refused := fault.New(fault.Forbidden, "", "this holds patient data, which this client may not read; its states and reasons are there without. The right is clients[].content")
	return errors.Join(refused, g.note(c, action, entity, "refused"))
}
