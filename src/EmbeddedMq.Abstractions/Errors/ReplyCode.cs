namespace EmbeddedMq;

/// <summary>The reply codes of AMQP 0-9-1 §1.2 with RabbitMQ's.</summary>
public enum ReplyCode : ushort
{
    /// <summary>A normal close.</summary>
    Success = 200,

    /// <summary>The body is larger than the broker takes.</summary>
    ContentTooLarge = 311,

    /// <summary>A mandatory message that no queue took.</summary>
    NoRoute = 312,

    /// <summary>Kept for basic.return; not used by current brokers.</summary>
    NoConsumers = 313,

    /// <summary>An operator or the broker itself closed the connection.</summary>
    ConnectionForced = 320,

    /// <summary>An unknown virtual host.</summary>
    InvalidPath = 402,

    /// <summary>Not permitted, a reserved name, or in exclusive use.</summary>
    AccessRefused = 403,

    /// <summary>No such queue or exchange.</summary>
    NotFound = 404,

    /// <summary>Exclusive to another connection.</summary>
    ResourceLocked = 405,

    /// <summary>A precondition does not hold: unequal declaration, invalid argument, unknown delivery tag.</summary>
    PreconditionFailed = 406,

    /// <summary>A frame could not be read.</summary>
    FrameError = 501,

    /// <summary>A frame held illegal values.</summary>
    SyntaxError = 502,

    /// <summary>A method that is not allowed where it came.</summary>
    CommandInvalid = 503,

    /// <summary>A channel that is not open, or open already.</summary>
    ChannelError = 504,

    /// <summary>A frame that was not due.</summary>
    UnexpectedFrame = 505,

    /// <summary>The broker lacks resources.</summary>
    ResourceError = 506,

    /// <summary>Not allowed: a limit, a tag in use, an unknown virtual host.</summary>
    NotAllowed = 530,

    /// <summary>Not implemented.</summary>
    NotImplemented = 540,

    /// <summary>A fault within the broker.</summary>
    InternalError = 541,
}
