# Two identities: the front door may drive the instance groups, the application may do nothing but
# pull its image and write logs. Give the application's account what the application itself needs.
resource "google_service_account" "front_door" {
  account_id   = "${var.name}-front-door"
  display_name = "FlaskScale, front door of ${var.name}"

  depends_on = [google_project_service.apis]
}

resource "google_service_account" "backend" {
  account_id   = "${var.name}-backend"
  display_name = "Instances of ${var.name}"

  depends_on = [google_project_service.apis]
}

# Exactly what FlaskScale calls. VMs are made and deleted by the group on Google's side, so that no
# compute.instances.create or .delete is among them; `flaskscale check --online` names what lacks.
resource "google_project_iam_custom_role" "scaler" {
  role_id     = "${replace(var.name, "-", "_")}_scaler"
  title       = "FlaskScale scaler of ${var.name}"
  description = "Resizes managed instance groups by naming the instances to make and to delete."

  permissions = [
    "compute.autoscalers.get",
    "compute.autoscalers.list",
    "compute.globalOperations.get",
    "compute.instanceGroupManagers.get",
    "compute.instanceGroupManagers.list",
    "compute.instanceGroupManagers.update",
    "compute.instanceTemplates.get",
    "compute.instances.get",
    "compute.instances.list",
    "compute.regionOperations.get",
    "compute.regions.get",
    "compute.zoneOperations.get",
    "compute.zoneOperations.list",
    "compute.zones.get",
  ]
}

resource "google_project_iam_member" "scaler" {
  project = var.project
  role    = google_project_iam_custom_role.scaler.id
  member  = google_service_account.front_door.member
}

# Google asks for it where somebody makes VMs that run as this account.
resource "google_service_account_iam_member" "scaler_uses_backend" {
  service_account_id = google_service_account.backend.name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.front_door.member
}

locals {
  writers = {
    front_door = google_service_account.front_door.member
    backend    = google_service_account.backend.member
  }
}

resource "google_project_iam_member" "log_writer" {
  for_each = local.writers

  project = var.project
  role    = "roles/logging.logWriter"
  member  = each.value
}

resource "google_project_iam_member" "metric_writer" {
  for_each = local.writers

  project = var.project
  role    = "roles/monitoring.metricWriter"
  member  = each.value
}
