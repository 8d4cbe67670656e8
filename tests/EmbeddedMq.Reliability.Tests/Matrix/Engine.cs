namespace EmbeddedMq.Reliability.Tests.Matrix;

/// <summary>Where the queues are.</summary>
internal enum Engine
{
    /// <summary>In the process, with a data directory.</summary>
    Embedded,

    /// <summary>On a RabbitMQ server.</summary>
    RabbitMq,
}
