# The parts of Google Cloud that are used. They stay on when this is destroyed: others may use them.
resource "google_project_service" "apis" {
  for_each = toset(concat(
    [
      "artifactregistry.googleapis.com",
      "compute.googleapis.com",
      "iam.googleapis.com",
      "iap.googleapis.com", # SSH to VMs without a public address
      "logging.googleapis.com",
      "monitoring.googleapis.com",
    ],
    var.domain == "" ? [] : ["dns.googleapis.com"],
  ))

  service            = each.value
  disable_on_destroy = false
}
