package app

// CloseListener ends the public listener as trouble of the system would.
func (a *App) CloseListener() error { return a.publicAddr.Close() }
