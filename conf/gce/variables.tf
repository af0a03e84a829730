variable "project" {
  description = "Id of the Google Cloud project (not its number, not its display name)."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project id has 6 to 30 of a-z, 0-9 and -, and begins with a letter."
  }
}

variable "name" {
  description = "Names everything that is made here: the groups, the pool, the accounts."
  type        = string
  default     = "shop"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,15}[a-z0-9]$", var.name))
    error_message = "3 to 17 of a-z, 0-9 and -, beginning with a letter (account ids hold 30)."
  }
}

variable "region" {
  description = "Region of everything, for instance europe-west1."
  type        = string
  default     = "us-central1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region looks like europe-west1."
  }
}

variable "zones" {
  description = "Zones for instances, in order of preference; the front door is in the first."
  type        = list(string)
  default     = ["us-central1-a", "us-central1-b"]

  validation {
    condition = length(var.zones) > 0 && alltrue([
      for zone in var.zones : startswith(zone, "${var.region}-")
    ])
    error_message = "At least one zone, each of the region (europe-west1 has europe-west1-b …)."
  }

  validation {
    condition     = length(distinct(var.zones)) == length(var.zones)
    error_message = "Each zone once."
  }
}

variable "subnetwork_range" {
  description = "Private addresses of the subnetwork; a /22 holds about 1000 instances."
  type        = string
  default     = "10.20.0.0/22"

  validation {
    condition     = can(cidrhost(var.subnetwork_range, 1))
    error_message = "An IPv4 range such as 10.20.0.0/22."
  }
}

variable "nat" {
  description = "Cloud NAT, so that instances (which have no public address) reach the Internet."
  type        = bool
  default     = true
}

# --- The application ---

variable "app_image" {
  description = "The application's container image by digest: …/app@sha256:…"
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9./_-]*@sha256:[0-9a-f]{64}$", var.app_image))
    error_message = "Name the image by digest (…@sha256:…), so that a template always means one image."
  }
}

variable "app_port" {
  description = "Port that the application's container listens on."
  type        = number
  default     = 8000

  validation {
    condition     = var.app_port >= 1024 && var.app_port <= 65535 && floor(var.app_port) == var.app_port
    error_message = "A whole number from 1024 to 65535."
  }
}

variable "app_environment" {
  description = "Environment of the container. Not for secrets: they would be in the template."
  type        = map(string)
  default     = {}

  validation {
    condition = alltrue([
      for name, value in var.app_environment :
      can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name)) && !can(regex("[\r\n]", value))
    ])
    error_message = "Names of letters, digits and _; values without line breaks."
  }
}

variable "app_stop_seconds" {
  description = "How long the container may take from SIGTERM to its end. Spot VMs have 30 s in all."
  type        = number
  default     = 25

  validation {
    condition     = var.app_stop_seconds >= 1 && var.app_stop_seconds <= 85
    error_message = "From 1 to 85 seconds: Google switches a VM off about 90 s after asking."
  }
}

variable "health_path" {
  description = "Path that answers 200 when the application can serve."
  type        = string
  default     = "/healthz"

  validation {
    condition     = startswith(var.health_path, "/")
    error_message = "A path begins with /."
  }
}

# --- Instances ---

variable "machine_type" {
  description = "Machine type of the instances."
  type        = string
  default     = "e2-medium"
}

variable "disk_gb" {
  description = "Boot disk of an instance in GB; the container image lies there."
  type        = number
  default     = 10

  validation {
    condition     = var.disk_gb >= 10
    error_message = "Container-Optimized OS needs at least 10 GB."
  }
}

variable "spot" {
  description = "Spot VMs: far cheaper, and may be taken away with 30 s notice."
  type        = bool
  default     = false
}

variable "standby_mode" {
  description = "How standby instances rest: stopped (pays for disks) or suspended (and for memory)."
  type        = string
  default     = "stop"

  validation {
    condition     = contains(["stop", "suspend"], var.standby_mode)
    error_message = "stop or suspend."
  }
}

# --- Scaling ---

variable "slots" {
  description = "Requests at a time in one instance: gunicorn's workers × threads."
  type        = number
  default     = 8

  validation {
    condition     = var.slots >= 1
    error_message = "At least 1."
  }
}

variable "min_instances" {
  description = "Never fewer instances than this; 0 lets an idle site go to nothing."
  type        = number
  default     = 1

  validation {
    condition     = var.min_instances >= 0
    error_message = "Not negative."
  }
}

variable "max_instances" {
  description = "Never more instances than this: the bound of the bill."
  type        = number
  default     = 10

  validation {
    condition     = var.max_instances >= 1 && var.max_instances >= var.min_instances
    error_message = "At least 1, and not below min_instances."
  }
}

variable "standby" {
  description = "Stopped instances kept for a quick start."
  type        = number
  default     = 0

  validation {
    condition     = var.standby >= 0
    error_message = "Not negative."
  }
}

variable "availability" {
  description = "The one dial of the scaler: 0.90 is cheap, 0.99 generous."
  type        = number
  default     = 0.95

  validation {
    condition     = var.availability >= 0.5 && var.availability <= 0.999
    error_message = "From 0.5 to 0.999."
  }
}

# --- The front door ---

variable "front_door_image" {
  description = "FlaskScale's container image by digest, as `./dev image` makes it."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9./_-]*@sha256:[0-9a-f]{64}$", var.front_door_image))
    error_message = "Name the image by digest (…@sha256:…)."
  }
}

variable "front_door_machine_type" {
  description = "Machine type of the front door."
  type        = string
  default     = "e2-small"
}

variable "front_door_config" {
  description = "A whole FlaskScale configuration to use instead of flaskscale.toml.tftpl."
  type        = string
  default     = ""
}

variable "public_ports" {
  description = "TCP ports of the front door that the whole world reaches."
  type        = list(number)
  default     = [80, 443]

  validation {
    condition     = alltrue([for port in var.public_ports : port >= 1 && port <= 65535])
    error_message = "From 1 to 65535."
  }
}

variable "ssh_source_ranges" {
  description = "Who may reach SSH. The default is Google's Identity-Aware Proxy; [] is nobody."
  type        = list(string)
  default     = ["35.235.240.0/20"]
}

# --- The name ---

variable "domain" {
  description = "Name of the site (shop.example.com); empty: no DNS record is made."
  type        = string
  default     = ""

  validation {
    condition     = var.domain == "" || can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "A host name without a dot at its end."
  }
}

variable "dns_zone" {
  description = "Name of a Cloud DNS zone that holds the domain; empty: a new zone for the domain."
  type        = string
  default     = ""
}
