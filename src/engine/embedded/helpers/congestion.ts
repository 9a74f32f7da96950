import { errno } from '../../../uapi/errno.ts';
import { TcpSocket } from '../sockets/tcp-socket.ts';
import { helper } from './helper.ts';

/** Acknowledges what has come up to a number. */
export const tcp_send_ack = helper({
  id: 116,
  name: 'tcp_send_ack',
  args: ['sock', 'anything'],
  returns: 'integer',
  call(_env, socket, received) {
    if (!(socket instanceof TcpSocket)) return -errno.EINVAL;
    socket.output.acknowledges(received >>> 0);
    return 0;
  },
});
