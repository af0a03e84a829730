resource "google_artifact_registry_repository" "images" {
  repository_id = var.name
  location      = var.region
  format        = "DOCKER"
  description   = "Images of the application and of the front door"

  depends_on = [google_project_service.apis]
}

resource "google_artifact_registry_repository_iam_member" "reader" {
  for_each = local.writers

  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.reader"
  member     = each.value
}
