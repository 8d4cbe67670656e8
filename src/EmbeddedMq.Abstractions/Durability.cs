namespace EmbeddedMq;

/// <summary>What must have happened to a persistent message, or to any other change, before the broker answers for it.</summary>
/// <remarks>The levels are ordered: each promises what those before it promise.</remarks>
public enum Durability
{
    /// <summary>The broker has it in memory. It is lost when the process ends in any way but a stop.</summary>
    Memory = 0,

    /// <summary>The operating system has it. It survives the end of the process, however sudden; a power cut may lose it.
    /// This is what RabbitMQ's classic queues give.</summary>
    OsBuffered = 1,

    /// <summary>The disk has it: written and synced. It survives a power cut, as far as the disk keeps its word.</summary>
    Synced = 2,
}
