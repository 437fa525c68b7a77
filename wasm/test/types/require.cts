import statusbus = require('statusbus')

const bus: statusbus.StatusBus = statusbus.createStatusBus({ batchSize: 5 })
const outcome: statusbus.Outcome = bus.tool('conv-1', 'from CommonJS')
void [outcome, statusbus.beacon('/'), statusbus.share, statusbus.connect('https://status.example') satisfies statusbus.Connection, statusbus.ConnectError]
