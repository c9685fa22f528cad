// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_PROCESS_QUIET_H
#define OTELUE_SRC_PROCESS_QUIET_H

#include <errno.h>
#include <pthread.h>

namespace otelue_core::process {

// What a thread notices of a call of ours: errno is as before, and it is not cancelled amid the call, which would then
// never leave the gate, and leave descriptors behind.
class Quiet {
 public:
  class Errno {
   public:
    Errno() : kept_(errno) {}
    ~Errno() { errno = kept_; }
    Errno(const Errno&) = delete;
    Errno& operator=(const Errno&) = delete;

   private:
    const int kept_;
  };

  Quiet() { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state_); }
  ~Quiet() { pthread_setcancelstate(state_, nullptr); }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;

 private:
  const Errno errno_;
  int state_ = PTHREAD_CANCEL_ENABLE;
};

}  // namespace otelue_core::process

#endif
