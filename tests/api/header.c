/* SPDX-License-Identifier: Apache-2.0 */
/* Each public header alone. */
#include HEADER

int main(void) { return 0; }
