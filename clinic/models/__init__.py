from clinic.models.content_version import ContentVersion
from clinic.models.demo import DemoRow
from clinic.models.image import Image, Rendition
from clinic.models.letter import Letter
from clinic.models.location import Closure, Location, OpeningHours
from clinic.models.mail_link import MailLink
from clinic.models.offer import Offer
from clinic.models.policy import Policy
from clinic.models.practice import Practice
from clinic.models.provider import Provider
from clinic.models.rate_limit import RateLimit
from clinic.models.testimonial import Testimonial
from clinic.models.treatment import Treatment, TreatmentCategory
from clinic.models.user import User
from clinic.models.worker import WorkerHeartbeat

__all__ = [
    "Closure",
    "ContentVersion",
    "DemoRow",
    "Image",
    "Letter",
    "Location",
    "MailLink",
    "Offer",
    "OpeningHours",
    "Policy",
    "Practice",
    "Provider",
    "RateLimit",
    "Rendition",
    "Testimonial",
    "Treatment",
    "TreatmentCategory",
    "User",
    "WorkerHeartbeat",
]
