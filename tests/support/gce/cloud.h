// The whole emulated project: its state and everything that changes it.
#pragma once

#include <memory>

#include "tests/support/gce/access.h"
#include "tests/support/gce/compute_api.h"
#include "tests/support/gce/discovery.h"
#include "tests/support/gce/fault_table.h"
#include "tests/support/gce/group_keeper.h"
#include "tests/support/gce/ledger.h"
#include "tests/support/gce/machine_host.h"
#include "tests/support/gce/machine_park.h"
#include "tests/support/gce/operation_table.h"
#include "tests/support/gce/request_ids.h"
#include "tests/support/gce/resource_writer.h"
#include "tests/support/gce/schema_check.h"
#include "tests/support/gce/settings.h"
#include "tests/support/gce/timeline.h"

namespace flaskscale::emulator {

// One group per zone of the settings. One thread at a time.
class Cloud {
 public:
  Cloud(Settings chosen, std::shared_ptr<const Discovery> document, MachineHost& host,
        double wall_base);
  Cloud(const Cloud&) = delete;
  Cloud& operator=(const Cloud&) = delete;

  // The calendar as the client sees it, in seconds since 1970.
  double client_wall() const { return client_wall_base + access.client_now(); }

  Settings settings;
  Timeline timeline;
  std::shared_ptr<const Discovery> discovery;
  double client_wall_base;
  SchemaCheck schemas;
  FaultTable faults;
  MachinePark park;
  GroupKeeper keeper;
  OperationTable operations;
  RequestIds request_ids;
  ResourceWriter writer;
  Access access;
  Ledger ledger;
  ComputeApi api;
};

}  // namespace flaskscale::emulator
