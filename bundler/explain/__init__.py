"""What a finished executable says about itself: components, licences, signatures, notes for its page."""
