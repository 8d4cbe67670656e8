namespace EmbeddedMq.Tests.Architecture.MadeUp.Channels;

[AttributeUsage(AttributeTargets.All)]
internal sealed class MadeUpChannelAttribute : Attribute;
