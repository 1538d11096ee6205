// `connect docker CONTAINER`: a running container, through `docker exec`.
import { makeContainerHop } from '../container-exec.ts'

export const docker = makeContainerHop('docker')
