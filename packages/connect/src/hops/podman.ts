// `connect podman CONTAINER`: a running container, through `podman exec`. That of another user is reached from that
// user: `connect sudo -u USER | connect podman CONTAINER`.
import { makeContainerHop } from '../container-exec.ts'

export const podman = makeContainerHop('podman')
