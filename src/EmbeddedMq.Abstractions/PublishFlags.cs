namespace EmbeddedMq;

/// <summary>How a message is published.</summary>
[Flags]
public enum PublishFlags
{
    /// <summary>A message that no queue takes is confirmed all the same, as AMQP has it.</summary>
    None = 0,

    /// <summary>A message that no queue takes comes back to the publisher.</summary>
    Mandatory = 1,
}
