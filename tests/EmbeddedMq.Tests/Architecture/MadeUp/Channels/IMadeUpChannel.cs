namespace EmbeddedMq.Tests.Architecture.MadeUp.Channels;

internal interface IMadeUpChannel;
