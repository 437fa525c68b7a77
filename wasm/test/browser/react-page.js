// Bundled for the page by react.test.mjs.
import { Activity, createElement as h, StrictMode, useState } from 'react'
import { createRoot, hydrateRoot } from 'react-dom/client'
import { flushSync } from 'react-dom'
import { renderToString } from 'react-dom/server'
import { createStatusBus } from 'statusbus'
import { connect } from 'statusbus/connect'
import { useStatus } from 'statusbus/react'

Object.assign(globalThis, { Activity, connect, createRoot, createStatusBus, flushSync, h, hydrateRoot, renderToString, StrictMode, useState, useStatus })
globalThis.isReady = true
